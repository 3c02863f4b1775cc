"""The schema of a database: its tables with their columns, sizes, indexes and foreign keys."""

from __future__ import annotations

import re
from dataclasses import dataclass

from svc.database.queries import Database

_MAX_TABLES = 1_000
_MAX_PARTS = 10_000
_KEY_COLUMNS = re.compile(r"^FOREIGN KEY \((?P<columns>[^)]*)\)")


@dataclass(frozen=True)
class TableColumn:
    """One column; `type` is the server's name of the type, `is_key`: it is part of the primary key."""

    name: str
    type: str
    is_required: bool
    is_key: bool


@dataclass(frozen=True)
class Index:
    """One index; `scans` since the server's statistics were last reset."""

    name: str
    definition: str
    bytes: int
    scans: int
    is_unique: bool
    is_valid: bool


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key: columns of a table, and the columns that they reference."""

    name: str
    columns: tuple[str, ...]
    referenced_table: str
    definition: str


@dataclass(frozen=True)
class Table:
    """One table; sizes in bytes, `estimated_rows` as of the last ANALYZE, scans since the last reset.

    `estimated_rows` is None if the table has rows but was never analyzed.
    """

    name: str
    estimated_rows: float | None
    heap_bytes: int
    toast_bytes: int
    index_bytes: int
    sequential_scans: int
    index_scans: int
    dead_rows: int
    columns: tuple[TableColumn, ...]
    indexes: tuple[Index, ...]
    foreign_keys: tuple[ForeignKey, ...]

    @property
    def total_bytes(self) -> int:
        """The table with its columns, indexes and foreign keys."""
        return self.heap_bytes + self.toast_bytes + self.index_bytes


async def read_schema(database: Database) -> list[Table]:
    """The tables of the schema that the service uses, by name."""
    tables = await database.many("catalogue/tables", max_rows=_MAX_TABLES)
    columns = await database.many("catalogue/columns", max_rows=_MAX_PARTS)
    indexes = await database.many("catalogue/indexes", max_rows=_MAX_PARTS)
    keys = await database.many("catalogue/foreign_keys", max_rows=_MAX_TABLES)
    return [
        Table(
            name=table.name,
            estimated_rows=table.estimated_rows,
            heap_bytes=table.heap_bytes,
            toast_bytes=table.toast_bytes,
            index_bytes=table.index_bytes,
            sequential_scans=table.sequential_scans,
            index_scans=table.index_scans,
            dead_rows=table.dead_rows,
            columns=tuple(
                TableColumn(row.name, row.type, row.is_required, row.is_key)
                for row in columns
                if row.table_name == table.name
            ),
            indexes=tuple(
                Index(row.name, row.definition, row.bytes, row.scans, row.is_unique, row.is_valid)
                for row in indexes
                if row.table_name == table.name
            ),
            foreign_keys=tuple(
                ForeignKey(row.name, _key_columns(row.definition), row.referenced_table, row.definition)
                for row in keys
                if row.table_name == table.name
            ),
        )
        for table in tables
    ]


def _key_columns(definition: str) -> tuple[str, ...]:
    match = _KEY_COLUMNS.match(definition)
    return tuple(column.strip() for column in match["columns"].split(",")) if match else ()
