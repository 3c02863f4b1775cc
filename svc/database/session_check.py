"""Whether connections are set to what they asked for at their start: a pooler between may drop it without a word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from svc.database.connecting import pooler_remedy
from svc.database.rows import ServerSessionSettings
from svc.errors import StartupError

# Only names a session; poolers put their own there.
_NAMES_ONLY = {"application_name"}
# A shorter one than asked for is a decision of the administrator's; 0 means none.
_LIMITS = {"statement_timeout", "idle_in_transaction_session_timeout"}


def required(session: Mapping[str, str]) -> dict[str, str]:
    """What of the settings of a session must hold."""
    return {name: value for name, value in session.items() if name not in _NAMES_ONLY}


def lost_settings(rows: Iterable[ServerSessionSettings], session: Mapping[str, str]) -> list[str]:
    """What a connection should be set to and is not, such as `jit is on, not off`, by the rows of
    `server/session_settings`."""
    found = {row.name: row.setting for row in rows}
    return [
        f"{name} is {found[name] if found[name] is not None else 'not set'}, not {value}"
        for name, value in required(session).items()
        if not _holds(name, found[name], value)
    ]


def _holds(name: str, found: str | None, wanted: str) -> bool:
    if name in _LIMITS and found is not None and found.isdigit():
        return 0 < int(found) <= int(wanted) or found == wanted
    return found == wanted


def check_session(rows: Iterable[ServerSessionSettings], session: Mapping[str, str]) -> None:
    """Compare what a connection is set to, by the rows of `server/session_settings`, with what it should be.

    Raises:
        StartupError: something does not hold; searches would lose rows and statements get slow plans.
    """
    if lost := lost_settings(rows, session):
        raise StartupError(
            f"A connection to the database is not set to what it asked for: {'; '.join(lost)}. Without these settings "
            "searches lose rows and statements get slow plans. Something between drops them, usually a pooler. "
            f"{pooler_remedy(session)}"
        )
