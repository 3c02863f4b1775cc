"""No connection is held while something slow and outside answers.

A pool of twenty connections is empty after twenty requests that wait five seconds for an embedding. So every
external call (embedding, parsing) states itself with `external_call`, and raises at once, in development and in
tests, when the same task holds a connection.
"""

from __future__ import annotations

from contextvars import ContextVar, Token

from svc.errors import ConnectionHeldError

_held: ContextVar[int] = ContextVar("connections_held", default=0)


def mark_held() -> Token[int]:
    """Mark the current task, and every task it starts from now on, as holding one connection more."""
    return _held.set(_held.get() + 1)


def unmark_held(token: Token[int]) -> None:
    """Undo the mark that gave this token, in the same task."""
    _held.reset(token)


def external_call(what: str) -> None:
    """State that an external call, named `what`, is about to be made.

    Raises:
        ConnectionHeldError: this task holds a database connection.
    """
    if _held.get():
        raise ConnectionHeldError(f"{what} while {_held.get()} database connection(s) are held; release them first")
