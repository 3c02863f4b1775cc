"""The error that the caller gets for each kind of failure of the database."""

from __future__ import annotations

import asyncpg
import pytest

from svc.database.failures import ConstraintError, classify
from svc.errors import (
    CabinetError,
    DatabaseUnavailableError,
    DeadlockError,
    InvalidRequestError,
    RowsLockedError,
    UnavailableError,
)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.AdminShutdownError("terminating connection"), DatabaseUnavailableError),
        (asyncpg.CrashShutdownError("terminating connection"), DatabaseUnavailableError),
        (asyncpg.CannotConnectNowError("the database system is starting up"), DatabaseUnavailableError),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle"), DatabaseUnavailableError),
        (asyncpg.InterfaceError("connection is closed"), DatabaseUnavailableError),
        (asyncpg.InternalClientError("got result for unknown protocol state"), DatabaseUnavailableError),
        (asyncpg.TooManyConnectionsError("too many clients"), DatabaseUnavailableError),
        (asyncpg.DiskFullError("no space left"), DatabaseUnavailableError),
        (asyncpg.InvalidPasswordError("password authentication failed"), DatabaseUnavailableError),
        (asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT"), DatabaseUnavailableError),
        (ConnectionRefusedError(111, "refused"), DatabaseUnavailableError),
        (TimeoutError(), DatabaseUnavailableError),
        (asyncpg.QueryCanceledError("statement timeout"), UnavailableError),
        (asyncpg.DeadlockDetectedError("deadlock detected"), DeadlockError),
        (asyncpg.SerializationError("could not serialize"), RowsLockedError),
        (asyncpg.LockNotAvailableError("lock timeout"), RowsLockedError),
        (asyncpg.InvalidCachedStatementError("cached plan must not change result type"), RowsLockedError),
        (asyncpg.CharacterNotInRepertoireError("invalid byte sequence"), InvalidRequestError),
        (asyncpg.DataError("invalid input for query argument $1"), InvalidRequestError),
        (asyncpg.UniqueViolationError("duplicate key"), ConstraintError),
        (asyncpg.CheckViolationError("violates check constraint"), ConstraintError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_failure_is_classified_by_what_the_caller_can_do(error: Exception, kind: type[CabinetError]) -> None:
    translated = classify(error, "users/get")

    assert type(translated) is kind
    if isinstance(translated, UnavailableError):
        assert translated.retry_after_s, "a retry can help, so the error contains its time"


@pytest.mark.parametrize(
    "error", [asyncpg.UndefinedTableError("no relation"), asyncpg.InsufficientPrivilegeError("denied"), KeyError("x")]
)
def test_a_bug_in_cabinet_is_not_reported_as_a_failure_of_the_database(error: Exception) -> None:
    assert classify(error, "users/get") is None
