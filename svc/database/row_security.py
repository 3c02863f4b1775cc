"""Names the tenant of each statement to PostgreSQL, for the policies of `sql/policies/` (CABINET_RLS=on).

The tenant is set for one transaction only, so each statement runs in a transaction. Outside of an explicit one, BEGIN
and the tenant travel together, then the statement, then COMMIT: three round trips instead of one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any
from uuid import UUID

from svc.database.deadline import bounded
from svc.database.failures import classify
from svc.database.pool import Loan
from svc.database.statements import Statement

EVERYBODY = "all"
"""The tenant of a statement that serves all tenants."""
_BEGIN, _COMMIT, _ROLLBACK = "begin", "commit", "rollback"


@dataclass(frozen=True)
class Reach:
    """The tenants whose rows a statement may read and write: `tenant`, and the `receiver` of a transfer."""

    tenant: str
    receiver: str = ""


def reach_of(statement: Statement, values: Sequence[Any]) -> Reach | None:
    """The reach of a statement with these parameters; None if it does not use tables with rows of tenants."""
    if statement.tenant:
        return Reach(EVERYBODY)
    tenant, receiver = statement.tenant_places
    if tenant is None or not values:
        return None
    return Reach(_id(values[tenant]), "" if receiver is None else _id(values[receiver]))


def _id(value: Any) -> str:
    # It becomes part of a text, so only a UUID is allowed.
    return str(value if isinstance(value, UUID) else UUID(str(value)))


def naming(statements: Mapping[str, Statement], reach: Reach, before: Reach | None = None) -> str:
    """The statements that name a reach to the server; `before` is the reach that the transaction has already named."""
    texts = [statements["policies/set_tenant"].body.replace(":tenant", reach.tenant)]
    if reach.receiver != (before.receiver if before else ""):
        texts.append(statements["policies/set_receiver"].body.replace(":receiver", reach.receiver))
    return "\n".join(texts)


def insert_text(statements: Mapping[str, Statement], copy: Statement) -> str:
    """The INSERT that replaces a `:copy` statement, with its name. It stores one row."""
    table, columns = copy.copy_target
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    text = statements["policies/insert"].body.replace(":table", table)
    return f"-- {copy.name}\n" + text.replace(":columns", ", ".join(columns)).replace(":parameters", places)


class Named:
    """A connection inside a transaction, on which the tenant of the next statement is named."""

    def __init__(self, statements: Mapping[str, Statement], connection: Any, statement_s: float) -> None:
        self._statements = statements
        self._connection = connection
        self._statement_s = statement_s
        self._reach: Reach | None = None

    async def name(self, reach: Reach | None) -> None:
        """Name the tenant, unless the transaction has already named the same one."""
        if reach is not None and reach != self._reach:
            text = naming(self._statements, reach, self._reach)
            await bounded(self._connection.execute(text), self._statement_s)
            self._reach = reach


class NamedStatement:
    """The connection for one statement inside an explicit transaction, for an `async with` block."""

    __slots__ = ("_connection", "_named", "_reach")

    def __init__(self, named: Named, connection: Any, reach: Reach | None) -> None:
        self._named = named
        self._connection = connection
        self._reach = reach

    async def __aenter__(self) -> Any:
        """Name the tenant."""
        with _translated():
            await self._named.name(self._reach)
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        """Leave the end to the transaction."""


class NamedLoan:
    """A connection in a separate transaction for one statement, for an `async with` block."""

    __slots__ = ("_connection", "_loan", "_statement_s", "_text")

    def __init__(self, loan: Loan, text: str, statement_s: float) -> None:
        self._loan = loan
        self._text = text
        self._statement_s = statement_s

    async def __aenter__(self) -> Any:
        """Take a connection, begin, and name the tenant; raises the errors of `Pool.connection`."""
        connection = self._connection = await self._loan.__aenter__()
        # A connection whose block fails is rolled back by the pool before it is lent again.
        self._loan.undo = partial(connection.execute, _ROLLBACK)
        try:
            with _translated():
                await bounded(connection.execute(";\n".join((_BEGIN, self._text))), self._statement_s)
        except BaseException:
            await self._loan.__aexit__(*sys.exc_info())
            raise
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Commit, unless the statement failed, and return the connection.

        Raises:
            DatabaseUnavailableError: the COMMIT got no answer; the change may or may not have taken effect.
        """
        try:
            if kind is None:
                with _translated():
                    await bounded(self._connection.execute(_COMMIT), self._statement_s)
                self._loan.undo = None
        except BaseException:
            kind, error, traceback = sys.exc_info()
            raise
        finally:
            await self._loan.__aexit__(kind, error, traceback)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        translated = classify(error, "(transaction)")
        if translated is None:
            raise
        raise translated from error
