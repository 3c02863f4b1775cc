"""Opens a connection, or reports the address and the reason for the failure, without the password."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import asyncpg

from svc.errors import StartupError
from svc.settings.database_url import hide_password, place_of

NOT_CONNECTED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, ValueError)
"""The exceptions that asyncpg raises if a connection cannot be opened."""

_POOLER_REFUSES = "unsupported startup parameter"


async def connect(url: str, *, timeout_s: float, session: Mapping[str, str]) -> Any:
    """Open a connection to the database at `url` with the settings `session`.

    Raises:
        StartupError: the connection cannot be opened.
    """
    try:
        return await asyncpg.connect(url, timeout=timeout_s, server_settings=dict(session))
    except NOT_CONNECTED as error:
        raise cannot_connect(url, error, session) from error


def cannot_connect(url: str, error: BaseException, session: Mapping[str, str]) -> StartupError:
    """Returns the error to raise instead of `error`, one of `NOT_CONNECTED`, which opening a connection raised."""
    reason = _reason(url, error)
    if _POOLER_REFUSES in reason:
        reason += f". A connection pooler refuses the settings of the connection. {pooler_remedy(session)}"
    return StartupError(f"The database at {place_of(url)} cannot be used: {reason}")


def _reason(url: str, error: BaseException) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return "it did not answer in time (CABINET_CONNECT_TIMEOUT_S)"
    if isinstance(error, socket.gaierror):
        return f"its name cannot be resolved ({error.strerror})"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused; is a server running there?"
    # The server's messages contain names of roles and databases; asyncpg's may contain parts of the URL.
    return str(error) if isinstance(error, asyncpg.PostgresError) else hide_password(str(error), url)


def pooler_remedy(session: Mapping[str, str]) -> str:
    """Instructions for keeping the settings of a session in effect behind a connection pooler."""
    return (
        f"In PgBouncer, list them (ignore_startup_parameters = {', '.join(session)}), and set them for the service's "
        "role with the alter role … in database … set … that cabinet roles prints; or connect directly."
    )
