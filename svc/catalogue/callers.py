"""The callers of each statement: the routes, commands and background loops, as recorded in callers.json.

`make record` runs the tests, which record the caller of each statement; other test runs fail if it differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

RECORD = Path(__file__).with_name("callers.json")

Kind = Literal["route", "command", "loop"]
_KINDS: tuple[Kind, ...] = ("route", "command", "loop")
EVERY_ROUTE = "every route that takes a key"
EVERY_COMMAND = "every command that opens the database"
# The statement that identifies the callers of each group.
_GROUPS: tuple[tuple[Kind, str, str], ...] = (
    ("route", "keys/authenticate", EVERY_ROUTE),
    ("command", "server/versions", EVERY_COMMAND),
)
# A smaller group is listed in full unless the statement is run by all of it.
_FEW = 5


@dataclass(frozen=True)
class Caller:
    """A caller of statements, such as `GET /users/{user_id}`, `cabinet index plan` or the task of a loop."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"loop {self.name}" if self.kind == "loop" else self.name


@dataclass(frozen=True)
class Callers:
    """The statements that each caller runs."""

    statements: Mapping[Caller, Sequence[str]]

    @cached_property
    def _by_statement(self) -> dict[str, tuple[Caller, ...]]:
        found: dict[str, list[Caller]] = {}
        for caller in sorted(self.statements, key=lambda one: (_KINDS.index(one.kind), one.name)):
            for statement in self.statements[caller]:
                found.setdefault(statement, []).append(caller)
        return {name: tuple(callers) for name, callers in found.items()}

    def of(self, statement: str) -> tuple[Caller, ...]:
        """The callers of a statement: routes, commands and loops, sorted by name."""
        return self._by_statement.get(statement, ())

    def named(self, statement: str) -> tuple[str, ...]:
        """The callers of a statement, in words: a group becomes one entry, even if one of its callers is missing."""
        callers = self.of(statement)
        words = []
        for kind, sign, word in _GROUPS:
            group = [caller for caller in self.of(sign) if caller.kind == kind]
            missing = [caller for caller in group if caller not in callers]
            if group and len(missing) <= min(1, len(group) // _FEW):
                callers = tuple(caller for caller in callers if caller not in group)
                words.append(f"{word} but {', '.join(map(str, missing))}" if missing else word)
        return (*words, *(str(caller) for caller in callers))


def caller_named(name: str) -> Caller:
    """The caller with this name in the record."""
    first, _, rest = name.partition(" ")
    if first == "loop":
        return Caller("loop", rest)
    return Caller("command" if first == "cabinet" else "route", name)


def recorded_callers() -> Callers:
    """Reads the record."""
    record = msgspec.json.decode(RECORD.read_bytes(), type=dict[str, tuple[str, ...]])
    return Callers({caller_named(name): statements for name, statements in record.items()})
