"""Runs a transaction again that the server ended because of a deadlock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from svc.errors import DeadlockError

T = TypeVar("T")

_MOST_DEADLOCKS = 3


async def again_after_deadlock(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work`, one transaction, and up to three times again if it was chosen to end a deadlock.

    Few transactions lock rows of several users or of several tables in an order that differs from the others'. The
    order of the locks that foreign keys take cannot be chosen, so these are retried; they had no effect.

    Raises:
        DeadlockError: it ended in a deadlock each time.
    """
    for _ in range(_MOST_DEADLOCKS):
        try:
            return await work()
        except DeadlockError:
            continue
    return await work()
