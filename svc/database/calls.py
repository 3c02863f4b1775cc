"""Runs the statements of `sql/` by name, with named arguments.

    user = await database.one("users/get", user_id=user_id)

The literal is the path of the file, and also appears in `pg_stat_activity`, in `/metrics` and in the log. The types of
each call are in `calls.pyi`, which is generated from the headers of the files: mypy refuses an unknown statement, a
missing, misspelt or wrongly typed argument, and a column that the statement does not return.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

from svc.database.by_name import ByName
from svc.database.types import Row


class Queries(ByName):
    """The five ways to run a statement, each for files of the same shape. Subclasses provide the connection.

    All of them raise `DatabaseUnavailableError`, `UnavailableError` (timeout, deadlock), `ConstraintError` and
    `InvalidRequestError` (a value that the database refuses).
    """

    def one(self, name: str, /, **arguments: Any) -> Awaitable[Row | None]:
        """The row of a `:one` statement, or None."""
        return self.one_by_name(name, arguments)

    def many(self, name: str, /, **arguments: Any) -> Awaitable[Sequence[Row]]:
        """The rows of a `:many` statement."""
        return self.many_by_name(name, arguments)

    def value(self, name: str, /, **arguments: Any) -> Awaitable[Any]:
        """The first column of the first row of a `:value` statement; None if it returns no row."""
        return self.value_by_name(name, arguments)

    def exec(self, name: str, /, **arguments: Any) -> Awaitable[int]:
        """Run an `:exec` statement; returns the number of rows that it changed."""
        return self.exec_by_name(name, arguments)

    def copy(self, name: str, /, rows: Iterable[Sequence[Any]]) -> Awaitable[int]:
        """Run a `:copy` statement with these rows; returns the number of rows stored."""
        return self.copy_by_name(name, rows)
