"""Watches the rows that the tests read: a column that its header does not declare `null` must never be null.

The server does not report nullability for a prepared statement, and tests/sql/nulls.py proves it only for most columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from svc.database.by_name import ByName, UntypedRow
from svc.database.statements import Statement

SQL = Path(__file__).resolve().parents[1] / "sql"

found: list[str] = []
"""The unexpected nulls since the list was cleared. An error raised here could be lost in a background task."""


def note_nulls(statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
    """Record the columns of rows that contradict the header."""
    if SQL not in statement.path.parents:
        return
    names = [column.name for column in statement.columns if not column.can_be_null]
    for row in rows:
        found.extend(f"{statement.name}: {name} is null" for name in names if row[name] is None)


def watch() -> None:
    """Check all rows from now on."""
    one, many, value = ByName.one_by_name, ByName.many_by_name, ByName.value_by_name

    async def one_by_name(self: ByName, name: str, arguments: Mapping[str, Any]) -> UntypedRow | None:
        row = await one(self, name, arguments)
        note_nulls(self.statements[name], [] if row is None else [row])
        return row

    async def many_by_name(self: ByName, name: str, arguments: Mapping[str, Any]) -> Sequence[UntypedRow]:
        rows = await many(self, name, arguments)
        note_nulls(self.statements[name], rows)
        return rows

    async def value_by_name(self: ByName, name: str, arguments: Mapping[str, Any]) -> Any:
        result = await value(self, name, arguments)
        statement = self.statements[name]
        note_nulls(statement, [{column.name: result for column in statement.columns[:1]}])
        return result

    # Assigned instead of patched, since rows are watched in every test.
    ByName.one_by_name = one_by_name  # type: ignore[method-assign]
    ByName.many_by_name = many_by_name  # type: ignore[method-assign]
    ByName.value_by_name = value_by_name  # type: ignore[method-assign]
