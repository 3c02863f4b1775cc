"""Opens a connection, or reports the address and the reason for the failure without the password; closes
connections."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Mapping
from typing import Any

import asyncpg

from svc.database.keepalive import keep_alive
from svc.errors import StartupError
from svc.settings.database_url import hide_password, place_of

logger = logging.getLogger(__name__)

NOT_CONNECTED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, ValueError)
"""The exceptions that asyncpg raises if a connection cannot be opened."""

_DRIVER_FAULTS = {
    "sslmode": "the parameter sslmode must be one of disable, allow, prefer, require, verify-ca and verify-full",
    "sslnegotiation": "the parameter sslnegotiation must be postgres or direct",
    "root certificate": "the file in sslrootcert, or the default ~/.postgresql/root.crt, does not exist",
    "user name": "neither the URL nor PGUSER names a user",
    "database name": "neither the URL nor PGDATABASE names a database",
    "target_session_attrs": "the parameter target_session_attrs has an unknown value",
    "password": "the server asks for a password, and none is given",
}
"""Cabinet's messages for the driver's errors, by words in its messages."""

_WRONG_PARAMETER = "a part of its URL, or a PG… variable, cannot be used: check host, port and parameters"

_POOLER_REFUSES = "unsupported startup parameter"
# Seconds for a connection to end by the protocol; then it is cut off.
_CLOSE_S = 2.0


async def connect(url: str, *, timeout_s: float, session: Mapping[str, str], statement_s: float | None = None) -> Any:
    """Open a connection to the database at `url` with the settings `session`.

    `statement_s` is the time limit of each statement; None: only the end of the connection ends a statement.

    Raises:
        StartupError: the connection cannot be opened.
    """
    try:
        connection = await asyncpg.connect(
            url, timeout=timeout_s, command_timeout=statement_s, server_settings=dict(session)
        )
    except NOT_CONNECTED as error:
        raise cannot_connect(url, error, session) from error
    keep_alive(connection)
    return connection


async def disconnect(connection: Any) -> None:
    """Close a connection. One that does not answer within two seconds is cut off; cancellation cuts it off
    immediately."""
    try:
        async with asyncio.timeout(_CLOSE_S):
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        logger.debug("a connection was cut off: %r", error)
    finally:
        connection.terminate()


def cannot_connect(url: str, error: BaseException, session: Mapping[str, str]) -> StartupError:
    """Returns the error to raise instead of `error`, one of `NOT_CONNECTED`, which opening a connection raised."""
    reason = _reason(url, error)
    if _POOLER_REFUSES in reason:
        reason += f". A connection pooler refuses the settings of the connection. {pooler_remedy(session)}"
    return StartupError(f"The database at {place_of(url)} cannot be used: {reason}")


def _reason(url: str, error: BaseException) -> str:
    match error:
        case TimeoutError() if not str(error):
            reason = "it did not answer in time (CABINET_CONNECT_TIMEOUT_S)"
        case socket.gaierror():
            reason = f"its name cannot be resolved ({error.strerror})"
        case ConnectionRefusedError():
            reason = "the connection was refused; is a server running there?"
        case asyncpg.PostgresError():
            # The server's messages contain names of roles and databases.
            reason = hide_password(str(error), url)
        case ssl.SSLError():
            reason = "TLS failed; check the certificate and the parameters sslmode and sslrootcert"
        case OSError():
            reason = error.strerror or "it cannot be reached"
        case _:
            # Messages of asyncpg and of Python can contain any part of the URL, including the password.
            message = str(error)
            reason = next((ours for theirs, ours in _DRIVER_FAULTS.items() if theirs in message), _WRONG_PARAMETER)
    return reason


def pooler_remedy(session: Mapping[str, str]) -> str:
    """Instructions for keeping the settings of a session in effect behind a connection pooler."""
    return (
        f"In PgBouncer, list them (ignore_startup_parameters = {', '.join(session)}), and set them for the service's "
        "role with the alter role … in database … set … that cabinet roles prints; or connect directly."
    )
