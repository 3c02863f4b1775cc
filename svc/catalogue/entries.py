"""The entries of the catalogue: for each statement, its header, tables, callers and timings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from svc.catalogue.callers import Caller, Callers
from svc.catalogue.tables import TablesUsed, recorded_tables
from svc.catalogue.timings import Timing
from svc.database.statements import Statement

Order = Literal["name", "calls", "time"]


@dataclass(frozen=True)
class Entry:
    """One statement of the catalogue.

    `run_by` summarizes `callers`. `timing` is None if the statement never ran or runs are not counted.
    """

    statement: Statement
    tables: TablesUsed
    callers: tuple[Caller, ...]
    run_by: tuple[str, ...]
    timing: Timing | None

    @property
    def name(self) -> str:
        """The statement's name."""
        return self.statement.name

    @property
    def purpose(self) -> str:
        """The first sentence of the header's text."""
        return self.statement.intent.partition(". ")[0].rstrip(".")

    @property
    def details(self) -> str:
        """The rest of the header's text."""
        return self.statement.intent.partition(". ")[2]

    def as_json(self) -> dict[str, Any]:
        """The entry for programs."""
        return {
            "name": self.name,
            "shape": self.statement.shape,
            "purpose": self.purpose,
            "returns": [str(column) for column in self.statement.columns],
            "reads": list(self.tables.reads),
            "writes": list(self.tables.writes),
            "indexes": list(self.statement.indexes),
            "routes": [caller.name for caller in self.callers if caller.kind == "route"],
            "commands": [caller.name for caller in self.callers if caller.kind == "command"],
            "loops": [caller.name for caller in self.callers if caller.kind == "loop"],
            "calls": None if self.timing is None else self.timing.calls,
            "total_ms": None if self.timing is None else round(self.timing.total_ms, 3),
            "mean_ms": None if self.timing is None else round(self.timing.mean_ms, 3),
        }


def make_entries(statements: Mapping[str, Statement], callers: Callers, timings: Mapping[str, Timing]) -> list[Entry]:
    """The catalogue, in the order of the names."""
    tables = recorded_tables()
    return [
        Entry(statement, tables.get(name, TablesUsed()), callers.of(name), callers.named(name), timings.get(name))
        for name, statement in sorted(statements.items())
    ]


def chosen(entries: Iterable[Entry], table: str | None, caller: str | None, order: Order) -> list[Entry]:
    """The entries that use a table and have a caller whose name contains a text, in the given order.

    By calls and by time, the highest come first; statements that never ran come last, by name.
    """
    found = [
        entry
        for entry in entries
        if (table is None or table in entry.tables.all)
        and (caller is None or any(caller.casefold() in str(one).casefold() for one in entry.callers))
    ]
    if order == "calls":
        found.sort(key=lambda entry: -(entry.timing.calls if entry.timing else 0))
    elif order == "time":
        found.sort(key=lambda entry: -(entry.timing.total_ms if entry.timing else 0.0))
    return found
