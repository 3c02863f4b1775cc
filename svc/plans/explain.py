"""Runs EXPLAIN on the statements of `sql/`. Their writes are rolled back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import asyncpg

from svc.database.by_name import bind
from svc.database.connecting import connect, disconnect
from svc.database.failures import classify
from svc.database.queries import Database
from svc.database.row_security import Reach, naming, reach_of
from svc.database.session_settings import session_settings
from svc.database.statements import UNPREPARED, Statement
from svc.errors import InvalidRequestError
from svc.plans.tree import QueryPlan, read_plan
from svc.settings.database import DatabaseSettings

PlanKind = Literal["custom", "generic"]
PLAN_KINDS: tuple[PlanKind, ...] = ("custom", "generic")
"""A custom plan is made for given values, a generic plan for any: see `plan_cache_mode` in PostgreSQL's manual."""

_UNEXPLAINED = ("copy", *UNPREPARED)


def has_plan(statement: Statement) -> bool:
    """Whether a statement has a plan on every server: COPY and DDL have none, and a statement that needs an extension
    has none if that is not installed."""
    return statement.shape not in _UNEXPLAINED and not statement.needs


def kind_of_service(statement: Statement) -> PlanKind:
    """The kind of plan with which the service runs a statement."""
    return "generic" if statement.is_generic else "custom"


async def analyze(database: Database, name: str, /, **arguments: Any) -> QueryPlan:
    """Run a statement on a connection of the pool, roll it back, and return its custom plan.

    The arguments are Python values, as in a call by the service. Raises the errors of the statement.
    """
    statement = database.statements[name]
    text = database.statements["explain/analyze"].text + statement.text
    values = bind(statement, arguments)
    reach = reach_of(statement, values) if database.has_row_security else None
    try:
        loan = database.pool.connection()
        async with loan as connection:
            transaction = connection.transaction()
            await transaction.start()
            loan.undo = transaction.rollback
            if reach is not None:
                await connection.execute(naming(database.statements, reach))
            return _plan(await connection.fetchval(text, *values))
    except Exception as error:
        translated = classify(error, name)
        if translated is None:
            raise
        raise translated from error


class Explainer:
    """A separate session that explains statements, with either custom or generic plans.

    Values are texts in the notation of the server's types, such as `{user,assistant}` for a `text[]`; None is null.
    """

    def __init__(self, connection: Any, statements: Mapping[str, Statement], kind: PlanKind) -> None:
        self._connection = connection
        self._statements = statements
        self.kind = kind

    @classmethod
    async def open(
        cls, settings: DatabaseSettings, url: str, statements: Mapping[str, Statement], kind: PlanKind
    ) -> Explainer:
        """Connect with the settings of the service's connections, except `plan_cache_mode`.

        Raises:
            StartupError: the connection cannot be opened.
        """
        session = {**session_settings(settings), "plan_cache_mode": f"force_{kind}_plan"}
        connection = await connect(
            url, timeout_s=settings.connect_timeout_s, session=session, statement_s=settings.statement_timeout_s + 1
        )
        return cls(connection, statements, kind)

    @property
    def server_version(self) -> int:
        """The server's major version."""
        return int(self._connection.get_server_version().major)

    async def analyze(self, statement: Statement, values: Mapping[str, str | None]) -> QueryPlan:
        """Run a statement, roll it back, and return its plan.

        Raises:
            InvalidRequestError: the server refuses a value, or the statement with these values.
        """
        ordered = bind(statement, values)
        try:
            reach = reach_of(statement, ordered)
        except ValueError:
            # The server's message describes the error in the value.
            reach = None
        return await self._explain("explain/execute", statement, ordered, reach)

    async def estimate(self, statement: Statement) -> QueryPlan:
        """The generic plan of a statement, without values and without running it. Requires a generic session."""
        assert self.kind == "generic"
        return await self._explain("explain/generic", statement, [None] * len(statement.parameters))

    async def close(self) -> None:
        """Disconnect."""
        await disconnect(self._connection)

    async def _explain(
        self, name: str, statement: Statement, values: Sequence[str | None], reach: Reach | None = None
    ) -> QueryPlan:
        try:
            literals = await self._connection.fetchval(self._statements["explain/literals"].text, list(values))
            prepare = self._statements["explain/prepare"].text + statement.text
            await self._connection.execute(prepare)
            try:
                answer = await self._undone(self._statements[name].text + (f"({literals})" if values else ""), reach)
            finally:
                await self._connection.execute(self._statements["explain/forget"].text)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            # The server's message is useful here, because the reader knows SQL.
            message = " ".join(str(error).splitlines())
            raise InvalidRequestError(f"sql/{statement.name}.sql cannot be explained: {message}") from error
        return _plan(answer)

    async def _undone(self, text: str, reach: Reach | None) -> str:
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            if reach is not None:
                await self._connection.execute(naming(self._statements, reach))
            return str(await self._connection.fetchval(text))
        finally:
            await transaction.rollback()


def _plan(answer: str) -> QueryPlan:
    return read_plan(json.loads(answer))
