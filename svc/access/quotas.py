"""The limits of a plan: what is left of them, and the error that says which one stands in the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from svc.database.rows import UsageQuotas
from svc.errors import QuotaExceededError

QuotaName = Literal["documents", "chunks", "bytes", "tokens"]

_UNITS: Final[Mapping[QuotaName, str]] = {
    "documents": "documents",
    "chunks": "chunks",
    "bytes": "bytes of documents",
    "tokens": "tokens a month",
}
_RULES: Final[Mapping[str, QuotaName]] = {f"tenant_totals_{name}_quota": name for name in _UNITS}


@dataclass(frozen=True)
class Quota:
    """One limit: how much of it is used, and how much is allowed; None: any amount."""

    name: QuotaName
    used: int
    allowed: int | None

    @property
    def resets_at(self) -> datetime | None:
        """When the use begins anew at 0; None: only deletions bring it down."""
        return next_month(datetime.now(UTC)) if self.name == "tokens" else None

    def check(self, more: int, whose: str = "your") -> None:
        """Refuse `more` of it where that would be over the limit.

        Raises:
            QuotaExceededError: with what is used, what is allowed, and when it resets.
        """
        if self.allowed is not None and self.used + more > self.allowed:
            raise self.exceeded(more, whose)

    def exceeded(self, more: int, whose: str = "your") -> QuotaExceededError:
        """The error for `more` of it than is left of this plan of whose it is."""
        assert self.allowed is not None
        resets_at = self.resets_at
        remedy = (
            "delete documents, or ask for a larger plan"
            if resets_at is None
            else f"it begins anew on {resets_at:%Y-%m-%d}, in UTC; or ask for a larger plan"
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
    """All quotas of a user."""
    quotas = (
        Quota("documents", row.documents_used, row.documents_allowed),
        Quota("chunks", row.chunks_used, row.chunks_allowed),
        Quota("bytes", row.bytes_used, row.bytes_allowed),
        Quota("tokens", row.tokens_used, row.tokens_allowed),
    )
    return {quota.name: quota for quota in quotas}


def broken_quota(constraint: str) -> QuotaName | None:
    """The quota that a rule of the schema stands for; None where it stands for something else."""
    return _RULES.get(constraint)


def next_month(moment: datetime) -> datetime:
    """The beginning of the following month, in UTC."""
    months = moment.astimezone(UTC).year * 12 + moment.astimezone(UTC).month
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
