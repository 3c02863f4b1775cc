"""The tenants whose rows a check looks at, and its findings about these rows."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar, get_args
from uuid import UUID

from svc.doctor.checks import Finding, Severity, Subject, Verdict, plural

T = TypeVar("T")

MAX_ROWS = 1000
"""The maximum number of faulty rows that a check reads."""
_MAX_TENANTS = 10_000
_SHOWN = 5


async def sampled_tenants(subject: Subject) -> tuple[list[UUID], str]:
    """Returns a random sample of tenants (all, if there are few), and its size in words."""
    rows = await subject.database.many(
        "doctor/sample_tenants",
        seed=secrets.token_hex(8),
        most_vectors=subject.limits.counted_vectors,
        max_rows=_MAX_TENANTS,
    )
    return [row.user_id for row in rows], f"{plural(len(rows), 'tenant')} checked"


def verdict(seen: str, rows: Sequence[T], nouns: str, finding: Callable[[T], Finding]) -> Verdict:
    """Returns the findings for the first faulty rows, and one for the other `nouns`."""
    findings = [finding(row) for row in rows]
    shown, others = findings[:_SHOWN], findings[_SHOWN:]
    if others:
        least = f"{len(others):,}{' or more' if len(rows) == MAX_ROWS else ''}"
        worst = max((other.severity for other in others), key=get_args(Severity).index)
        shown.append(Finding(worst, f"and {least} other {nouns}", "as above"))
    return Verdict(seen, shown)
