"""Checks that the settings of a connection are in effect: a connection pooler may silently drop them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from svc.database.connecting import pooler_remedy
from svc.database.keepalive import SERVER_SETTINGS
from svc.database.rows import ServerSessionSettings
from svc.errors import StartupError

# It only names a session, and poolers replace it.
_NAMES_ONLY = {"application_name"}
# The administrator may choose a shorter time than requested; 0 means no limit.
_LIMITS = {"statement_timeout", "idle_in_transaction_session_timeout", *SERVER_SETTINGS}
# A server shows them as 0 on a Unix socket, and on systems that do not have them.
_NOT_EVERYWHERE = {name for name in SERVER_SETTINGS if name.startswith("tcp_")}


def required(session: Mapping[str, str]) -> dict[str, str]:
    """The settings of a session that must be in effect."""
    return {name: value for name, value in session.items() if name not in _NAMES_ONLY}


def lost_settings(rows: Iterable[ServerSessionSettings], session: Mapping[str, str]) -> list[str]:
    """Descriptions of the settings that are not in effect, such as `jit is on, not off`.

    `rows` are those of `server/session_settings`.
    """
    found = {row.name: row.setting for row in rows}
    return [
        f"{name} is {found[name] if found[name] is not None else 'not set'}, not {value}"
        for name, value in required(session).items()
        if not _holds(name, found[name], value)
    ]


def _holds(name: str, found: str | None, wanted: str) -> bool:
    if name in _NOT_EVERYWHERE and found == "0":
        return True
    if name in _LIMITS and found is not None and found.isdigit():
        return 0 < int(found) <= int(wanted) or found == wanted
    return found == wanted


def check_session(rows: Iterable[ServerSessionSettings], session: Mapping[str, str]) -> None:
    """Compare the settings of a connection, the rows of `server/session_settings`, with those requested.

    Raises:
        StartupError: a setting is not in effect; searches would lose rows, and statements would get slow plans.
    """
    if lost := lost_settings(rows, session):
        raise StartupError(
            f"Settings of the connection to the database are not in effect: {'; '.join(lost)}. Without them, searches "
            "lose rows, statements get slow plans, and a client that is gone keeps its locks. Something in between, "
            f"usually a connection pooler, removes them. {pooler_remedy(session)}"
        )
