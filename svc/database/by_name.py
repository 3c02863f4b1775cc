"""Runs statements of `sql/` whose name is known only at run time.

Code that knows the name uses `Queries` (svc/database/calls.py), for which mypy compares the arguments and columns with
the statement's header. Here, nothing is checked before the statement runs.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import cache
from types import TracebackType
from typing import Any, Protocol, TypeAlias

import asyncpg
from prometheus_client import Histogram

from svc import metrics
from svc.database.copying import binary_rows, is_encoded_here
from svc.database.deadline import allowed_s, spend
from svc.database.failures import classify, sqlstate
from svc.database.row_security import insert_text
from svc.database.rows import ROW_CLASSES
from svc.database.statements import Shape, Statement
from svc.database.statistics import record
from svc.database.types import Row

UntypedRow: TypeAlias = Mapping[str, Any]
"""A row whose columns are read as items, without types for mypy."""


class Watch(Protocol):
    """Receives slow statements."""

    threshold_s: float

    def note(
        self, statement: Statement, values: Sequence[Any], seconds: float, outcome: int | BaseException | None
    ) -> None:
        """Record that a statement took at least `threshold_s`; returns immediately.

        `outcome` is the number of its rows if known, or the exception that it raised.
        """


class ByName(ABC):
    """The five ways to run a statement, each for files of the same shape. Subclasses provide the connection.

    All of them raise `DatabaseUnavailableError`, `UnavailableError` (timeout, deadlock), `ConstraintError` and
    `InvalidRequestError` (a value that the database refuses).
    """

    def __init__(self, statements: Mapping[str, Statement], statement_s: float) -> None:
        self.statements = statements
        self.statement_s = statement_s
        """The time limit of a statement, in seconds."""
        self.watch: Watch | None = None

    @abstractmethod
    def _connection(self, statement: Statement, values: Sequence[Any]) -> AbstractAsyncContextManager[Any]:
        """The connection for one statement with these values."""

    @property
    @abstractmethod
    def has_row_security(self) -> bool:
        """Whether the connections are under row level security."""

    async def one_by_name(self, name: str, arguments: Mapping[str, Any]) -> UntypedRow | None:
        """The row of a `:one` statement, or None."""
        statement = self._statement(name, "one")
        values = bind(statement, arguments)
        async with self._running(statement, values) as run:
            row: UntypedRow | None = await run.connection.fetchrow(
                statement.text, *values, timeout=run.limit_s, record_class=_row_class(name)
            )
            run.rows = 0 if row is None else 1
            return row

    async def many_by_name(self, name: str, arguments: Mapping[str, Any]) -> Sequence[UntypedRow]:
        """The rows of a `:many` statement."""
        statement = self._statement(name, "many")
        values = bind(statement, arguments)
        async with self._running(statement, values) as run:
            rows: Sequence[UntypedRow] = await run.connection.fetch(
                statement.text, *values, timeout=run.limit_s, record_class=_row_class(name)
            )
            run.rows = len(rows)
            return rows

    async def value_by_name(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """The first column of the first row of a `:value` statement, or None."""
        statement = self._statement(name, "value")
        values = bind(statement, arguments)
        async with self._running(statement, values) as run:
            return await run.connection.fetchval(statement.text, *values, timeout=run.limit_s)

    async def exec_by_name(self, name: str, arguments: Mapping[str, Any]) -> int:
        """Run an `:exec` statement; returns the number of rows that it changed."""
        statement = self._statement(name, "exec")
        values = bind(statement, arguments)
        async with self._running(statement, values) as run:
            run.rows = _changed_rows(await run.connection.execute(statement.text, *values, timeout=run.limit_s))
            return run.rows

    async def copy_by_name(self, name: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run a `:copy` statement with rows in the order of its columns; returns the number of rows stored."""
        statement = self._statement(name, "copy")
        if self.has_row_security:
            return await self._insert(statement, list(rows))
        table, columns = statement.copy_target
        async with self._running(statement, ()) as run:
            # asyncpg generates the COPY. The name of the statement can only be in its WHERE clause.
            named = f"true /* {statement.name} */"
            # asyncpg's own time limit does not end a COPY that waits for the network.
            async with asyncio.timeout(run.limit_s) as limit, _ended_by_loss(run.connection, limit):
                if is_encoded_here(statement):
                    status = await run.connection.copy_to_table(
                        table, source=_pieces(statement, rows), columns=columns, format="binary", where=named
                    )
                else:
                    status = await run.connection.copy_records_to_table(
                        table, columns=columns, records=rows, where=named
                    )
            run.rows = _changed_rows(status)
            return run.rows

    async def _insert(self, statement: Statement, rows: list[Sequence[Any]]) -> int:
        """Store the rows of a `:copy` statement, all of one tenant, where PostgreSQL refuses COPY."""
        if not rows:
            return 0
        async with self._running(statement, rows[0]) as run:
            # All rows are sent together, and stored in one transaction.
            text = insert_text(self.statements, statement)
            async with asyncio.timeout(run.limit_s) as limit, _ended_by_loss(run.connection, limit):
                await run.connection.executemany(text, rows, timeout=run.limit_s)
            run.rows = len(rows)
            return run.rows

    def _statement(self, name: str, shape: Shape) -> Statement:
        statement = self.statements.get(name)
        if statement is None:
            raise LookupError(f"there is no file sql/{name}.sql")
        if statement.shape != shape:
            raise LookupError(f"sql/{name}.sql is :{statement.shape}, called as :{shape}")
        return statement

    def _running(self, statement: Statement, values: Sequence[Any]) -> _Run:
        return _Run(statement, values, self._connection(statement, values), self.statement_s, self.watch)


class _Run:
    """One run of a statement: takes a connection, records the time, and translates errors."""

    __slots__ = (
        "_loan",
        "_started",
        "_statement",
        "_statement_s",
        "_values",
        "_watch",
        "connection",
        "limit_s",
        "rows",
    )

    def __init__(
        self,
        statement: Statement,
        values: Sequence[Any],
        loan: AbstractAsyncContextManager[Any],
        statement_s: float,
        watch: Watch | None,
    ) -> None:
        self._statement = statement
        self._values = values
        self._loan = loan
        self._statement_s = statement_s
        self._watch = watch
        self.rows: int | None = None

    async def __aenter__(self) -> _Run:
        self.connection = await self._loan.__aenter__()
        self.limit_s = allowed_s(self._statement_s)
        self._started = time.perf_counter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        seconds = time.perf_counter() - self._started
        name = self._statement.name
        _timer(name).observe(seconds)
        record(name, seconds)
        spend(seconds)
        if self._watch is not None and seconds >= self._watch.threshold_s:
            self._watch.note(self._statement, self._values, seconds, error if error is not None else self.rows)
        await self._loan.__aexit__(kind, error, traceback)
        if isinstance(error, Exception):
            metrics.statement_errors_total.labels(name, sqlstate(error)).inc()
            translated = classify(error, name)
            if translated is not None:
                raise translated from error


@cache
def _timer(name: str) -> Histogram:
    """The histogram of one statement, cached because the lookup by label costs more than an observation."""
    return metrics.statement_seconds.labels(name)


@asynccontextmanager
async def _ended_by_loss(connection: Any, limit: asyncio.Timeout) -> AsyncIterator[None]:
    """Let a time limit expire when the connection is lost: asyncpg does not wake what waits to send on."""
    loop = asyncio.get_running_loop()

    def lost(_: object) -> None:
        if not limit.expired():
            limit.reschedule(loop.time())

    connection.add_termination_listener(lost)
    try:
        yield
    finally:
        # The pool has already reclaimed a lost connection.
        with suppress(asyncpg.InterfaceError):
            connection.remove_termination_listener(lost)


async def _pieces(statement: Statement, rows: Iterable[Sequence[Any]]) -> AsyncIterator[bytes]:
    for piece in binary_rows(statement, rows):
        yield piece


def _row_class(name: str) -> type[Row]:
    return ROW_CLASSES.get(name, Row)


def bind(statement: Statement, arguments: Mapping[str, Any]) -> list[Any]:
    """Returns the arguments in the order of `$1, $2, …`.

    Raises:
        TypeError: an argument is missing or unknown.
    """
    names = statement.parameter_names
    if len(names) > len(arguments) and statement.omitted:
        arguments = {**statement.omitted, **arguments}
    if len(names) == len(arguments):
        try:
            return [arguments[name] for name in names]
        except KeyError:
            pass
    raise TypeError(f"sql/{statement.name}.sql takes {list(names)}, not {sorted(arguments)}")


def _changed_rows(status: str) -> int:
    """The number in the command tag that the server sends, such as 3 for `DELETE 3`."""
    last = status.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0
