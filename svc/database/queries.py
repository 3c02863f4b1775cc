"""Where statements run: on any connection of the pool, or on one inside a transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from svc.database.by_name import Watch
from svc.database.calls import Queries
from svc.database.failures import classify, sqlstate
from svc.database.pool import Pool, open_pool, session_settings
from svc.database.session_check import check_session, required
from svc.database.statements import Column, Statement, load_statements
from svc.database.suitability import check_suitable
from svc.database.versions import check_versions
from svc.errors import StartupError, UnavailableError
from svc.resources import resource_folder
from svc.settings.groups import DatabaseSettings

_UNDEFINED_TABLE = "42P01"


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


async def open_database(settings: DatabaseSettings, url: str) -> Database:
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


async def open_unchecked(settings: DatabaseSettings, url: str, session: Mapping[str, str]) -> Database:
    """A database that may be anything, for whoever finds out what is wrong with it: one connection, set to `session`.

    Raises:
        StartupError: a file of `sql/` is at fault, or the database cannot be used.
    """
    statements = load_statements(resource_folder("sql"))
    one = settings.model_copy(update={"pool_min_size": 1, "pool_size": 1})
    return Database(statements, await open_pool(one, url, statements["server/vector_schema"], session))


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
    types = {row.name: row.type for row in await queries.many("server/table_columns", table_name=table)}
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
