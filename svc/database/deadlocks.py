"""Retries a transaction that the server aborted because of a deadlock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from svc.errors import DeadlockError

T = TypeVar("T")

_MOST_DEADLOCKS = 3


async def again_after_deadlock(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work`, one transaction, and retry it up to three times if the server aborts it to end a deadlock.

    A few transactions lock rows of several users or tables in an unusual order, because the order of locks for foreign
    keys cannot be chosen. These are retried, since they had no effect.

    Raises:
        DeadlockError: it ended in a deadlock each time.
    """
    for _ in range(_MOST_DEADLOCKS):
        try:
            return await work()
        except DeadlockError:
            continue
    return await work()
