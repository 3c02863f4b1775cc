"""No connection is held while something slow and outside answers.

A pool of twenty connections is empty after twenty requests that wait five seconds for an embedding. So every
external call (embedding, parsing) states itself with `external_call`, and raises at once, in development and in
tests, when the same task holds a connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from svc.errors import ConnectionHeldError

_held: ContextVar[int] = ContextVar("connections_held", default=0)


@contextmanager
def connection_held() -> Iterator[None]:
    """Mark the current task, and every task it starts meanwhile, as holding a connection."""
    token = _held.set(_held.get() + 1)
    try:
        yield
    finally:
        _held.reset(token)


def external_call(what: str) -> None:
    """State that an external call, named `what`, is about to be made.

    Raises:
        ConnectionHeldError: this task holds a database connection.
    """
    if _held.get():
        raise ConnectionHeldError(f"{what} while {_held.get()} database connection(s) are held; release them first")
