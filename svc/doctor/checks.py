"""The parts of a check: its thresholds, its subject, and its findings."""

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
    """The limits beyond which checks report a finding, in the units that their names state."""

    idle_in_transaction_s: float = 60
    long_transaction_s: float = 300
    blocked_s: float = 5
    overdue_s: float = 60
    left_over_s: float = 900
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
    """One problem, why it matters, and the statements or commands that fix it, in order."""

    severity: Severity
    problem: str
    why: str
    fix: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The result of a check: a short description of the observed state, and its findings."""

    seen: str
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Subject:
    """The examined database.

    `database` is a read-only connection with time limits but without the service's settings. `searching` also has these
    settings, so that searches run as in the service. `dimensions` are those of the recorded model, or None.
    """

    url: str
    settings: Settings
    limits: Thresholds
    database: Database
    searching: Database
    dimensions: int | None

    @property
    def statements(self) -> Mapping[str, Statement]:
        """All statements of this release."""
        return self.database.statements


Examine = Callable[[Subject], Awaitable[Verdict]]


@dataclass(frozen=True)
class Check:
    """One check. Its `name` is stable, for programs; `looks_at` describes it for people."""

    name: str
    group: str
    looks_at: str
    examine: Examine


def megabytes(count: float) -> str:
    """Returns a number of bytes in megabytes, as text."""
    return f"{count / 2**20:,.0f} MB"


def plural(count: int, word: str, words: str = "") -> str:
    """Returns a count with its noun, such as `1 index` or `3 indexes`."""
    return f"{count:,} {word if count == 1 else words or word + 's'}"
