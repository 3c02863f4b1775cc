"""What a check is: its name, its group, what it looks at, and what it can find."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from svc.database.queries import Database
from svc.database.statements import Statement
from svc.settings import Settings

Severity = Literal["note", "warning", "fault"]


@dataclass(frozen=True)
class Thresholds:
    """Where a check begins to complain. Seconds, rows, shares and pages as their names say."""

    idle_in_transaction_s: float = 60
    long_transaction_s: float = 300
    blocked_s: float = 5
    overdue_s: float = 60
    large_table_pages: int = 1_000
    large_index_bytes: int = 8 * 2**20
    dead_rows: int = 10_000
    dead_share: float = 0.2
    visible_share: float = 0.8
    scans_to_judge_by: int = 10_000
    transaction_ids: int = 500_000_000
    counted_vectors: int = 2_000_000
    counted_messages: int = 1_000_000
    exact_vectors: int = 2_000_000
    recall_warning: float = 0.9
    recall_fault: float = 0.7


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what, why it matters, and the statements or commands that mend it, in order."""

    severity: Severity
    what: str
    why: str
    mend: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a check saw, in a few words, and what it found wrong; nothing, mostly."""

    seen: str
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Subject:
    """The database that is examined.

    `database` is opened with nothing of the service's but its name and limits, and reads only; `searching` as the
    service opens its own, so that a search runs as it does there. `dimensions` are those of the recorded model, None
    where none is.
    """

    url: str
    settings: Settings
    limits: Thresholds
    database: Database
    searching: Database
    dimensions: int | None

    @property
    def statements(self) -> Mapping[str, Statement]:
        """Every statement of this release."""
        return self.database.statements


Examine = Callable[[Subject], Awaitable[Verdict]]


@dataclass(frozen=True)
class Check:
    """One check. Its `name` is for machines and stays; `looks_at` is for people."""

    name: str
    group: str
    looks_at: str
    examine: Examine


def megabytes(count: float) -> str:
    """A number of bytes for people."""
    return f"{count / 2**20:,.0f} MB"


def plural(count: int, word: str, words: str = "") -> str:
    """`1 index`, `3 indexes`."""
    return f"{count:,} {word if count == 1 else words or word + 's'}"
