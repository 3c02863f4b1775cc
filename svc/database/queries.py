"""Runs statements on any connection of the pool, or on one connection inside a transaction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from svc.database.by_name import Watch
from svc.database.calls import Queries
from svc.database.deadline import bounded
from svc.database.failures import classify, sqlstate
from svc.database.generic_pool import GenericPool, open_generic_pool
from svc.database.headers import Column
from svc.database.opening import open_pool
from svc.database.policies import MAX_TABLES, check_policies
from svc.database.pool import Pool
from svc.database.row_security import Named, NamedLoan, NamedStatement, naming, reach_of
from svc.database.session_check import check_session, required
from svc.database.session_settings import session_settings
from svc.database.shares import Shares
from svc.database.statements import UNPREPARED, Statement, load_statements
from svc.database.suitability import check_suitable
from svc.database.versions import check_versions
from svc.errors import DatabaseUnavailableError, StartupError, UnavailableError
from svc.resources import resource_folder
from svc.settings.database import DatabaseSettings

_UNDEFINED_TABLE = "42P01"
# Seconds for a task whose transaction failed, or that was cancelled, to wait for the end of its locks.
_ROLLBACK_S = 1.0


class Transaction(Queries):
    """Statements on one connection, inside one transaction, which names its tenants if it `has_row_security`."""

    def __init__(
        self,
        statements: Mapping[str, Statement],
        connection: Any,
        statement_s: float,
        watch: Watch | None = None,
        *,
        has_row_security: bool = False,
    ) -> None:
        super().__init__(statements, statement_s)
        self.watch = watch
        self._held = connection
        self._named = Named(statements, connection, statement_s) if has_row_security else None

    @property
    def has_row_security(self) -> bool:
        """Whether the connection is under row level security."""
        return self._named is not None

    def _connection(self, statement: Statement, values: Sequence[Any]) -> AbstractAsyncContextManager[Any]:
        if self._named is None:
            return nullcontext(self._held)
        return NamedStatement(self._named, self._held, reach_of(statement, values))


class Database(Queries):
    """Statements on any connection of the pool, each in its own transaction."""

    def __init__(self, statements: Mapping[str, Statement], pool: Pool, generic: GenericPool | None = None) -> None:
        super().__init__(statements, pool.statement_s)
        self.pool = pool
        self.generic = generic
        """The connections for statements with `plan: generic`; without it, they use those of the pool."""

    @property
    def has_row_security(self) -> bool:
        """Whether the connections are under row level security."""
        return self.pool.has_row_security

    def _connection(self, statement: Statement, values: Sequence[Any]) -> AbstractAsyncContextManager[Any]:
        if statement.is_generic and self.generic is not None:
            loan = self.generic.connection()
        else:
            loan = self.pool.connection(can_wait=statement.can_wait)
        reach = reach_of(statement, values) if self.pool.has_row_security else None
        return loan if reach is None else NamedLoan(loan, naming(self.statements, reach), self.statement_s)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Run the statements of the block in one transaction, which an exception rolls back."""
        loan = self.pool.connection(can_wait=True)
        try:
            async with loan as connection:
                transaction = connection.transaction()
                await bounded(transaction.start(), self.statement_s)
                loan.undo = transaction.rollback
                try:
                    yield Transaction(
                        self.statements, connection, self.statement_s, self.watch,
                        has_row_security=self.has_row_security,
                    )  # fmt: skip
                except DatabaseUnavailableError:
                    raise
                except (Exception, asyncio.CancelledError):
                    # Otherwise the pool rolls it back, or ends the connection.
                    with contextlib.suppress(Exception):
                        async with asyncio.timeout(_ROLLBACK_S):
                            await bounded(transaction.rollback(), self.statement_s)
                        loan.undo = None
                    raise
                await bounded(transaction.commit(), self.statement_s)
                loan.undo = None
        except Exception as error:
            translated = classify(error, "(transaction)")
            if translated is None:
                raise
            raise translated from error

    async def check(self) -> None:
        """Prepare every statement against the live schema and compare the result with its header.

        Raises:
            StartupError: statements cannot be prepared, or their headers have other types or columns. Names every such
                file except those that take their columns from another one with an error.
        """
        faults: dict[str, str] = {}
        async with self.pool.connection() as connection:
            # All checks use this connection: a pool of one would never provide a second.
            transaction = Transaction(self.statements, connection, self.statement_s)
            for statement in self.statements.values():
                try:
                    if statement.shape == "copy":
                        await _check_copy(transaction, statement)
                    elif statement.shape not in UNPREPARED:
                        await _check(connection, statement)
                except StartupError as fault:
                    faults[statement.name] = fault.detail
        # A header that refers to a faulty one has the same fault.
        details = [detail for name, detail in faults.items() if self.statements[name].columns_as not in faults]
        if details:
            raise StartupError("\n".join(details))

    async def close(self) -> None:
        """Close the pools."""
        if self.generic is not None:
            await self.generic.close()
        await self.pool.close()


async def open_database(settings: DatabaseSettings, url: str) -> Database:
    """Load `sql/`, open a pool on the migrated database at `url`, and check the session settings and every statement.

    Raises:
        StartupError: a file in `sql/` has an error, the database is unsuitable, or a setting is not in effect.
    """
    statements = load_statements(resource_folder("sql"))
    session = session_settings(settings)
    database = await _connected(statements, settings, url, session)
    try:
        check_versions(await database.one("server/versions"))
        check_suitable(await database.one("server/database"))
        check_policies(await database.many("policies/tables", max_rows=MAX_TABLES), settings.rls)
        names = list(required(session))
        check_session(await database.many("server/session_settings", names=names, max_rows=len(names)), session)
        await database.check()
        database.generic = await open_generic_pool(settings, url, statements, database.pool)
    except BaseException:
        await database.close()
        raise
    return database


async def open_unchecked(settings: DatabaseSettings, url: str, session: Mapping[str, str]) -> Database:
    """Open any database, without checks, for a diagnosis: one connection with the settings `session`.

    Raises:
        StartupError: a file in `sql/` has an error, or the database is unavailable.
    """
    statements = load_statements(resource_folder("sql"))
    one = settings.model_copy(update={"pool_min_size": 1, "pool_size": 1})
    return await _connected(statements, one, url, session)


async def _connected(
    statements: Mapping[str, Statement], settings: DatabaseSettings, url: str, session: Mapping[str, str]
) -> Database:
    shares = Shares(settings.pool_size, settings.request_wait_s, settings.acquire_timeout_s)
    return Database(statements, await open_pool(settings, url, statements["server/vector_schema"], session, shares))


async def _check(connection: Any, statement: Statement) -> None:
    try:
        prepared = await connection.prepare(statement.text)
    except Exception as error:
        if statement.needs and sqlstate(error) == _UNDEFINED_TABLE:
            # Its callers check for the extension first, or handle this error.
            return
        translated = classify(error, statement.name)
        if isinstance(translated, UnavailableError):
            raise translated from error
        # The server reports the position of the error in characters.
        line = statement.text.count("\n", 0, int(getattr(error, "position", None) or 0)) + 1
        # The server puts a hint on a second line; this report has one line per file.
        message = " ".join(str(error).splitlines())
        raise StartupError(f"{statement.path}:{line}: cannot be prepared: {message}") from error
    found = [_server_name(type_) for type_ in prepared.get_parameters()]
    declared = [parameter.type for parameter in statement.parameters]
    if found != declared:
        # The first parameter of the header that differs, if any.
        number = next((n for n, pair in enumerate(zip(declared, found, strict=False), 1) if pair[0] != pair[1]), 1)
        line = _line(statement, f"-- ${number} ")
        raise StartupError(f"{statement.path}:{line}: the header's parameters are {declared}, the server's {found}")
    # An :exec returns only a row count.
    if statement.shape == "exec":
        return
    columns = [Column(attribute.name, _server_name(attribute.type)) for attribute in prepared.get_attributes()]
    _compare(statement, statement.columns, columns)


async def _check_copy(queries: Queries, statement: Statement) -> None:
    """Compare the header of a COPY, which cannot be prepared, with the columns of the table."""
    table, columns = statement.copy_target
    types = {row.name: _header_name(row.type) for row in await queries.many("server/table_columns", table_name=table)}
    found = [Column(column, types.get(column, "(no such column)")) for column in columns]
    _compare(statement, [Column(p.name, p.type) for p in statement.parameters], found)


def _compare(statement: Statement, declared: Sequence[Column], found: Sequence[Column]) -> None:
    in_header, on_server = ([f"{item.name} {item.type}" for item in items] for items in (declared, found))
    if in_header != on_server:
        line = _line(statement, "-- $" if statement.shape == "copy" else "-- returns:")
        raise StartupError(f"{statement.path}:{line}: the header's columns are {in_header}, the server's {on_server}")


def _line(statement: Statement, beginning: str) -> int:
    """The number of the first line, counted from 1, that starts with `beginning`; 1 if there is none."""
    lines = enumerate(statement.text.splitlines(), 1)
    return next((number for number, line in lines if line.startswith(beginning)), 1)


def _server_name(type_: Any) -> str:
    """The server's name of a type. asyncpg names an array type `_int4` or `int4[]`, depending on its kind."""
    name = str(type_.name)
    return _header_name(name) if type_.kind == "array" else name


def _header_name(name: str) -> str:
    """`int4[]` for `_int4`, the server's name of an array type."""
    return f"{name[1:]}[]" if name.startswith("_") else name
