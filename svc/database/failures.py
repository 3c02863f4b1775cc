"""Translates asyncpg's exceptions into the service's errors. This is the only place that classifies them."""

from __future__ import annotations

import asyncio
import logging

import asyncpg

from svc.errors import (
    CabinetError,
    DatabaseUnavailableError,
    DeadlockError,
    InvalidRequestError,
    RowsLockedError,
    UnavailableError,
)

logger = logging.getLogger(__name__)

# A lost or refused connection raises one of these, depending on when it was lost.
_UNREACHABLE = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    # Shutdown, crash, start-up, or a dropped database. A cancelled statement is handled before.
    asyncpg.OperatorInterventionError,
    # Connections, memory or disk space are exhausted.
    asyncpg.InsufficientResourcesError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # After a failover, the pool still has connections to the former primary.
    asyncpg.ReadOnlySQLTransactionError,
    # The login worked when the service started, so the administrator is changing it.
    asyncpg.InvalidAuthorizationSpecificationError,
    OSError,
    asyncio.TimeoutError,
)
_TRY_AGAIN = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    # A migration changed the schema inside this transaction.
    asyncpg.InvalidCachedStatementError,
)


UNFIT = asyncpg.SyntaxOrAccessError
"""The error for a statement that does not match the schema, or for which the login lacks a privilege."""


class ConstraintError(CabinetError):
    """A statement violated a constraint; `constraint` is its name. Routes translate it for the client."""

    status = 409
    title = "Conflict"

    def __init__(self, constraint: str) -> None:
        super().__init__(f"the change violates the constraint {constraint}")
        self.constraint = constraint


def sqlstate(error: BaseException) -> str:
    """The five-character SQLSTATE of an error, or the name of its class if it does not come from the server."""
    return str(getattr(error, "sqlstate", None) or type(error).__name__)


def classify(error: Exception, statement: str) -> CabinetError | None:
    """Returns the error to raise instead of `error`, which `statement` raised; None if it is a bug in Cabinet."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return ConstraintError(str(error.constraint_name or error.column_name))
    # The second also ends the connection. Both mean that the statement or the transaction itself took too long.
    if isinstance(error, asyncpg.QueryCanceledError | asyncpg.TransactionTimeoutError):
        logger.warning("statement %s exceeded its time limit", statement)
        return UnavailableError(
            "the database exceeded the time limit of a statement; try again, or request less", retry_after_s=1
        )
    if isinstance(error, _TRY_AGAIN):
        logger.warning("statement %s conflicted with another: %s", statement, sqlstate(error))
        kind = DeadlockError if isinstance(error, asyncpg.DeadlockDetectedError) else RowsLockedError
        return kind("another request was changing the same rows; try again", retry_after_s=1)
    if isinstance(error, asyncpg.DataError) or _is_refused_by_codec(error):
        logger.warning("the database refused a value of statement %s: %s", statement, sqlstate(error))
        return InvalidRequestError(
            "the database cannot store a value: a number is out of range, or a text is invalid Unicode"
        )
    if isinstance(error, _UNREACHABLE):
        logger.warning("statement %s got no answer from the database: %r", statement, error)
        return DatabaseUnavailableError(
            "the database does not answer; if this was a change, it may or may not have taken effect",
            retry_after_s=2,
        )
    return None


def _is_refused_by_codec(error: Exception) -> bool:
    """Whether asyncpg refused a value. It also raises an InterfaceError for that, although the connection works."""
    return isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
