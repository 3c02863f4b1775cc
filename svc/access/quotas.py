"""The limits of a plan: usage, remaining amounts, and the error for an exceeded limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from svc.database.rows import UsageQuotas
from svc.errors import QuotaExceededError

QuotaName = Literal["documents", "chunks", "bytes", "conversations", "messages", "keys", "tokens"]

_UNITS: Final[Mapping[QuotaName, str]] = {
    "documents": "documents",
    "chunks": "chunks",
    "bytes": "bytes of documents",
    "conversations": "conversations",
    "messages": "messages",
    "keys": "API keys",
    "tokens": "tokens a month",
}
# How the usage is reduced.
_REMEDIES: Final[Mapping[QuotaName, str]] = {
    "documents": "delete documents",
    "chunks": "delete documents",
    "bytes": "delete documents",
    "conversations": "delete conversations",
    "messages": "delete conversations",
    "keys": "revoke keys",
}
_CONSTRAINTS: Final[Mapping[str, QuotaName]] = {f"tenant_totals_{name}_quota": name for name in _UNITS}


@dataclass(frozen=True)
class Quota:
    """One limit: how much of it is used, and how much is allowed (None: no limit)."""

    name: QuotaName
    used: int
    allowed: int | None

    @property
    def resets_at(self) -> datetime | None:
        """When the usage is reset to 0; None if only deletions reduce it."""
        return next_month(datetime.now(UTC)) if self.name == "tokens" else None

    def check(self, more: int, whose: str = "your") -> None:
        """Check that `more` is within the limit.

        Raises:
            QuotaExceededError: it would exceed the limit.
        """
        if self.allowed is not None and self.used + more > self.allowed:
            raise self.exceeded(more, whose)

    def exceeded(self, more: int, whose: str = "your") -> QuotaExceededError:
        """Return the error for a request of `more`. `whose` names the owner of the plan in the message."""
        assert self.allowed is not None
        resets_at = self.resets_at
        remedy = (
            f"{_REMEDIES[self.name]}, or ask for a larger plan"
            if resets_at is None
            else f"wait for the reset on {resets_at:%Y-%m-%d} (UTC), or ask for a larger plan"
        )
        return QuotaExceededError(
            f"{whose} plan allows {self.allowed} {_UNITS[self.name]}, of which {self.used} are used, and this takes "
            f"{more} more: {remedy}",
            quota=self.name,
            used=self.used,
            allowed=self.allowed,
            resets_at=resets_at,
        )


def quotas_of(row: UsageQuotas) -> dict[QuotaName, Quota]:
    """Return all quotas of a user."""
    quotas = (
        Quota("documents", row.documents_used, row.documents_allowed),
        Quota("chunks", row.chunks_used, row.chunks_allowed),
        Quota("bytes", row.bytes_used, row.bytes_allowed),
        Quota("conversations", row.conversations_used, row.conversations_allowed),
        Quota("messages", row.messages_used, row.messages_allowed),
        Quota("keys", row.keys_used, row.keys_allowed),
        Quota("tokens", row.tokens_used, row.tokens_allowed),
    )
    return {quota.name: quota for quota in quotas}


def broken_quota(constraint: str) -> QuotaName | None:
    """Return the quota that a CHECK constraint enforces, or None for any other constraint."""
    return _CONSTRAINTS.get(constraint)


def next_month(moment: datetime) -> datetime:
    """Return the start of the following month in UTC."""
    months = moment.astimezone(UTC).year * 12 + moment.astimezone(UTC).month
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
