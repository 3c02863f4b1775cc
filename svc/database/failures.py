"""From what asyncpg raises to what the caller can do about it: the one classifier."""

from __future__ import annotations

import asyncio
import logging

import asyncpg

from svc.errors import CabinetError, DatabaseUnavailableError, InvalidRequestError, UnavailableError

logger = logging.getLogger(__name__)

# A dead or refused connection shows as any of these, depending on when it died.
_UNREACHABLE = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    # Shut down, crashed, starting, database dropped; a cancelled statement is told apart before.
    asyncpg.OperatorInterventionError,
    # Connections, memory or disk are used up.
    asyncpg.InsufficientResourcesError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # After a failover the pool still holds connections to what is a standby now.
    asyncpg.ReadOnlySQLTransactionError,
    # The login was good when the service started, so the administrator is changing it.
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
"""What the server raises where the schema, or the rights of the login, do not allow a statement at all."""


class ConstraintError(CabinetError):
    """A statement would break a constraint of the schema; `constraint` is its name. Routes say what it means."""

    status = 409
    title = "Conflict"

    def __init__(self, constraint: str) -> None:
        super().__init__(f"the change would break the rule {constraint}")
        self.constraint = constraint


def sqlstate(error: BaseException) -> str:
    """The five-letter SQLSTATE of an error, or the name of its class where the server never answered."""
    return str(getattr(error, "sqlstate", None) or type(error).__name__)


def classify(error: Exception, statement: str) -> CabinetError | None:
    """The error to raise instead of `error`, which `statement` raised; None where it is a fault of ours."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return ConstraintError(str(error.constraint_name or error.column_name))
    if isinstance(error, asyncpg.QueryCanceledError):
        logger.warning("statement %s ran into its time limit", statement)
        return UnavailableError(
            "the database took longer over this than it may; try again, or ask for less", retry_after_s=1
        )
    if isinstance(error, _TRY_AGAIN):
        logger.warning("statement %s gave way to another: %s", statement, sqlstate(error))
        return UnavailableError("another request was changing the same rows; try again", retry_after_s=1)
    if isinstance(error, asyncpg.DataError) or _is_refused_by_codec(error):
        logger.warning("statement %s was given a value that the database refuses: %s", statement, sqlstate(error))
        return InvalidRequestError(
            "a value cannot be stored by the database: a number out of range, or text that is not Unicode"
        )
    if isinstance(error, _UNREACHABLE):
        logger.warning("statement %s did not reach the database: %r", statement, error)
        return DatabaseUnavailableError(
            "the database does not answer now; whether a change that was under way took place is not known",
            retry_after_s=2,
        )
    return None


def _is_refused_by_codec(error: Exception) -> bool:
    """asyncpg's own complaint about a value is an InterfaceError too, though no connection is at fault."""
    return isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
