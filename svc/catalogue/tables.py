"""The tables that each statement reads and writes, as recorded in tables.json.

PostgreSQL's own parser finds them when the file is made (`make record`), so the service needs no parser; `make check`
compares the file with the statements.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

RECORD = Path(__file__).with_name("tables.json")


class TablesUsed(Struct, frozen=True):
    """Names of tables in alphabetical order; a table that a statement reads and writes is in both."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """All tables, each once."""
        return tuple(sorted({*self.reads, *self.writes}))

    def __str__(self) -> str:
        """All tables, with a star after written ones."""
        return ", ".join(f"{name}*" if name in self.writes else name for name in self.all)


def recorded_tables() -> dict[str, TablesUsed]:
    """The tables of each statement, by its name."""
    return msgspec.json.decode(RECORD.read_bytes(), type=dict[str, TablesUsed])
