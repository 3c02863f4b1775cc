"""Running the statements of `sql/` by name, with named arguments.

    user = await database.one("users/get", user_id=user_id)

The literal is the path of the file. The same literal stands in `pg_stat_activity`, in `/metrics` and in the log.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import cache
from types import TracebackType
from typing import Any, Protocol, TypeAlias

from prometheus_client import Histogram

from svc import metrics
from svc.database.failures import classify, sqlstate
from svc.database.pool import Pool, open_pool, session_settings
from svc.database.session_check import check_session, required
from svc.database.statements import Column, Shape, Statement, load_statements
from svc.database.statistics import record
from svc.database.suitability import check_suitable
from svc.database.versions import check_versions
from svc.errors import StartupError, UnavailableError
from svc.resources import resource_folder
from svc.settings import Settings

Row: TypeAlias = Mapping[str, Any]

_UNDEFINED_TABLE = "42P01"


class Watch(Protocol):
    """Who is told of statements that took long."""

    threshold_s: float

    def note(
        self, statement: Statement, values: Sequence[Any], seconds: float, outcome: int | BaseException | None
    ) -> None:
        """A statement took `threshold_s` or more, with these values; `outcome`: its rows, if they are known, or what
        it ended with. Returns at once."""


class Queries(ABC):
    """The five ways to run a statement, each for the files of that shape. Subclasses say on which connection.

    Raises, all of them: `DatabaseUnavailableError`, `UnavailableError` (time limit, deadlock), `ConstraintError`,
    `InvalidRequestError` (a value that the database refuses).
    """

    def __init__(self, statements: Mapping[str, Statement]) -> None:
        self.statements = statements
        self.watch: Watch | None = None

    @abstractmethod
    def _connection(self) -> AbstractAsyncContextManager[Any]:
        """The connection for one statement."""

    async def one(self, name: str, /, **arguments: Any) -> Row | None:
        """The row of a `:one` statement, or None."""
        statement = self._statement(name, "one")
        values = bind(statement, arguments)
        async with self._running(statement, values) as run:
            row: Row | None = await run.connection.fetchrow(statement.text, *values)
            run.rows = 0 if row is None else 1
            return row

    async def many(self, name: str, /, **arguments: Any) -> Sequence[Row]:
        """The rows of a `:many` statement."""
        statement = self._statement(name, "many")
        values = bind(statement, arguments)
        async with self._running(statement, values) as run:
            rows: Sequence[Row] = await run.connection.fetch(statement.text, *values)
            run.rows = len(rows)
            return rows

    async def value(self, name: str, /, **arguments: Any) -> Any:
        """The first column of the first row of a `:value` statement, or None."""
        statement = self._statement(name, "value")
        values = bind(statement, arguments)
        async with self._running(statement, values) as run:
            return await run.connection.fetchval(statement.text, *values)

    async def exec(self, name: str, /, **arguments: Any) -> int:
        """Run an `:exec` statement; the number of rows that it changed."""
        statement = self._statement(name, "exec")
        values = bind(statement, arguments)
        async with self._running(statement, values) as run:
            run.rows = _changed_rows(await run.connection.execute(statement.text, *values))
            return run.rows

    async def copy(self, name: str, /, rows: Iterable[Sequence[Any]]) -> int:
        """Send rows down the COPY of a `:copy` statement, in the order of its columns; the number of rows stored."""
        statement = self._statement(name, "copy")
        table, columns = statement.copy_target
        async with self._running(statement, ()) as run:
            # asyncpg writes the COPY by itself; its condition is the one place where the name can travel along.
            named = f"true /* {statement.name} */"
            status = await run.connection.copy_records_to_table(table, columns=columns, records=rows, where=named)
            run.rows = _changed_rows(status)
            return run.rows

    def _statement(self, name: str, shape: Shape) -> Statement:
        statement = self.statements.get(name)
        if statement is None:
            raise LookupError(f"there is no file sql/{name}.sql")
        if statement.shape != shape:
            raise LookupError(f"sql/{name}.sql is :{statement.shape}, called as :{shape}")
        return statement

    def _running(self, statement: Statement, values: Sequence[Any]) -> _Run:
        return _Run(statement, values, self._connection(), self.watch)


class _Run:
    """One run of a statement: a connection for it, its time noted, its error made the service's own."""

    __slots__ = ("_loan", "_started", "_statement", "_values", "_watch", "connection", "rows")

    def __init__(
        self,
        statement: Statement,
        values: Sequence[Any],
        loan: AbstractAsyncContextManager[Any],
        watch: Watch | None,
    ) -> None:
        self._statement = statement
        self._values = values
        self._loan = loan
        self._watch = watch
        self.rows: int | None = None

    async def __aenter__(self) -> _Run:
        self.connection = await self._loan.__aenter__()
        self._started = time.perf_counter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        seconds = time.perf_counter() - self._started
        name = self._statement.name
        _timer(name).observe(seconds)
        record(name, seconds)
        if self._watch is not None and seconds >= self._watch.threshold_s:
            self._watch.note(self._statement, self._values, seconds, error if error is not None else self.rows)
        await self._loan.__aexit__(kind, error, traceback)
        if isinstance(error, Exception):
            metrics.statement_errors_total.labels(name, sqlstate(error)).inc()
            translated = classify(error, name)
            if translated is not None:
                raise translated from error


class Transaction(Queries):
    """Statements on one connection, inside one transaction."""

    def __init__(self, statements: Mapping[str, Statement], connection: Any, watch: Watch | None = None) -> None:
        super().__init__(statements)
        self.watch = watch
        self._held = connection

    def _connection(self) -> AbstractAsyncContextManager[Any]:
        return nullcontext(self._held)


class Database(Queries):
    """Statements on any connection of the pool, each in a transaction of its own."""

    def __init__(self, statements: Mapping[str, Statement], pool: Pool) -> None:
        super().__init__(statements)
        self.pool = pool

    def _connection(self) -> AbstractAsyncContextManager[Any]:
        return self.pool.connection()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """All statements in the block, or none of them."""
        async with self.pool.connection() as connection:
            transaction = connection.transaction()
            try:
                await transaction.start()
                try:
                    yield Transaction(self.statements, connection, self.watch)
                except BaseException:
                    if not connection.is_closed():
                        await transaction.rollback()
                    raise
                await transaction.commit()
            except Exception as error:
                translated = classify(error, "(transaction)")
                if translated is None:
                    raise
                raise translated from error

    async def check(self) -> None:
        """Prepare every statement against the live schema and compare it with its header.

        Raises:
            StartupError: files do not prepare, or their headers say another type or column; names every such file,
                but those that take their columns from one of these.
        """
        faults: dict[str, str] = {}
        async with self.pool.connection() as connection:
            # On this one connection throughout: a second would never come where the pool has but one.
            transaction = Transaction(self.statements, connection)
            for statement in self.statements.values():
                try:
                    if statement.shape == "copy":
                        await _check_copy(transaction, statement)
                    elif statement.shape not in ("ddl", "explain"):
                        await _check(connection, statement)
                except StartupError as fault:
                    faults[statement.name] = fault.detail
        # A header that refers to a wrong one is wrong for the same reason.
        details = [detail for name, detail in faults.items() if self.statements[name].columns_as not in faults]
        if details:
            raise StartupError("\n".join(details))

    async def close(self) -> None:
        """Close the pool."""
        await self.pool.close()


async def open_database(settings: Settings, url: str) -> Database:
    """Load `sql/` and open the pool on the migrated database at `url`; every statement is checked against it, and
    the settings of its connections are read back.

    Raises:
        StartupError: a file of `sql/` is at fault, the database cannot be used, or a setting does not hold.
    """
    statements = load_statements(resource_folder("sql"))
    session = session_settings(settings)
    database = Database(statements, await open_pool(settings, url, statements["server/vector_schema"], session))
    try:
        check_versions(await database.one("server/versions"))
        check_suitable(await database.one("server/database"))
        names = list(required(session))
        check_session(await database.many("server/session_settings", names=names, max_rows=len(names)), session)
        await database.check()
    except BaseException:
        await database.close()
        raise
    return database


async def open_unchecked(settings: Settings, url: str, session: Mapping[str, str]) -> Database:
    """A database that may be anything, for whoever finds out what is wrong with it: one connection, set to `session`.

    Raises:
        StartupError: a file of `sql/` is at fault, or the database cannot be used.
    """
    statements = load_statements(resource_folder("sql"))
    one = settings.model_copy(update={"pool_min_size": 1, "pool_size": 1})
    return Database(statements, await open_pool(one, url, statements["server/vector_schema"], session))


@cache
def _timer(name: str) -> Histogram:
    """The histogram of one statement: looking it up by its label costs more than what it notes."""
    return metrics.statement_seconds.labels(name)


def bind(statement: Statement, arguments: Mapping[str, Any]) -> list[Any]:
    """The arguments in the order of `$1, $2, …`.

    Raises:
        TypeError: one is missing, or is none of the statement's.
    """
    names = statement.parameter_names
    if len(names) == len(arguments):
        try:
            return [arguments[name] for name in names]
        except KeyError:
            pass
    raise TypeError(f"sql/{statement.name}.sql takes {list(names)}, not {sorted(arguments)}")


def _changed_rows(status: str) -> int:
    """`3` of `DELETE 3`, the status that the server sends after a statement."""
    last = status.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0


async def _check(connection: Any, statement: Statement) -> None:
    try:
        prepared = await connection.prepare(statement.text)
    except Exception as error:
        if statement.needs and sqlstate(error) == _UNDEFINED_TABLE:
            # Whoever runs it asks first, or takes this for an answer.
            return
        translated = classify(error, statement.name)
        if isinstance(translated, UnavailableError):
            raise translated from error
        # The server counts the characters of the file up to the fault.
        line = statement.text.count("\n", 0, int(getattr(error, "position", None) or 0)) + 1
        # A hint is a second line of the server's message; here each file has one.
        message = " ".join(str(error).splitlines())
        raise StartupError(f"{statement.path}:{line}: does not prepare: {message}") from error
    found = [_server_name(type_) for type_ in prepared.get_parameters()]
    declared = [parameter.type for parameter in statement.parameters]
    if found != declared:
        # The first that differs, where one of the header's does.
        number = next((n for n, pair in enumerate(zip(declared, found, strict=False), 1) if pair[0] != pair[1]), 1)
        line = _line(statement, f"-- ${number} ")
        raise StartupError(f"{statement.path}:{line}: the header's parameters are {declared}, the server's {found}")
    # Of an :exec only the number of rows is used, whatever they hold.
    if statement.shape == "exec":
        return
    columns = [Column(attribute.name, _server_name(attribute.type)) for attribute in prepared.get_attributes()]
    _compare(statement, "column", statement.columns, columns)


async def _check_copy(queries: Queries, statement: Statement) -> None:
    """A COPY cannot be prepared: its header is compared with the columns of the table."""
    table, columns = statement.copy_target
    types = {row["name"]: row["type"] for row in await queries.many("server/table_columns", table_name=table)}
    found = [Column(column, types.get(column, "(no such column)")) for column in columns]
    _compare(statement, "column", [Column(p.name, p.type) for p in statement.parameters], found)


def _compare(statement: Statement, what: str, declared: Sequence[Column], found: Sequence[Column]) -> None:
    said, seen = ([f"{item.name} {item.type}" for item in items] for items in (declared, found))
    if said != seen:
        line = _line(statement, "-- $" if statement.shape == "copy" else "-- returns:")
        raise StartupError(f"{statement.path}:{line}: the header's {what}s are {said}, the server's {seen}")


def _line(statement: Statement, beginning: str) -> int:
    """The line of the file, from 1, that begins so; the first where none does."""
    lines = enumerate(statement.text.splitlines(), 1)
    return next((number for number, line in lines if line.startswith(beginning)), 1)


def _server_name(type_: Any) -> str:
    """asyncpg names an array type `_int4` or `int4[]`, by its kind."""
    name = str(type_.name)
    return f"{name[1:]}[]" if type_.kind == "array" and name.startswith("_") else name
