"""Ensures that no database connection is held during a slow external call.

Twenty requests that each wait five seconds for an embedding would exhaust a pool of twenty connections. So every
external call (embedding, parsing) first calls `external_call`, which raises if the same task holds a connection.
"""

from __future__ import annotations

from contextvars import ContextVar, Token

from svc.errors import ConnectionHeldError

_held: ContextVar[int] = ContextVar("connections_held", default=0)


def mark_held() -> Token[int]:
    """Mark the current task, and every task that it starts from now on, as holding one more connection."""
    return _held.set(_held.get() + 1)


def unmark_held(token: Token[int]) -> None:
    """Undo the mark that returned this token, in the same task."""
    _held.reset(token)


def external_call(name: str) -> None:
    """Announce an external call, such as `parsing`.

    Raises:
        ConnectionHeldError: this task holds a database connection.
    """
    if _held.get():
        raise ConnectionHeldError(f"{name} while {_held.get()} database connection(s) are held; release them first")
