"""The total time that one request may wait for the database.

Each wait for a connection or a statement has its own limit. A request that runs several statements has a budget for all
of them, so that a slow network cannot delay it for longer. Only waits for the database use it up, not those for the
client or the embedding endpoint. Workers and commands have no budget.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from svc.errors import DatabaseUnavailableError

# asyncpg refuses a time limit of 0; a statement with this limit also fails.
_LEAST_S = 0.001


class _Budget:
    __slots__ = ("left_s",)

    def __init__(self, seconds: float) -> None:
        self.left_s = seconds


_budget: ContextVar[_Budget | None] = ContextVar("database_budget", default=None)


@contextmanager
def database_budget(seconds: float | None) -> Iterator[None]:
    """Limit the waits for the database in the block, and in the tasks that it starts, to `seconds` in total.

    None removes the limit, for work in many statements, each with its own limit.
    """
    token = _budget.set(None if seconds is None else _Budget(seconds))
    try:
        yield
    finally:
        _budget.reset(token)


def allowed_s(most_s: float) -> float:
    """Seconds that a wait may take: `most_s`, or the rest of the budget."""
    budget = _budget.get()
    return most_s if budget is None else max(_LEAST_S, min(most_s, budget.left_s))


def spend(seconds: float) -> None:
    """Subtract a wait from the budget, if there is one."""
    budget = _budget.get()
    if budget is not None:
        budget.left_s -= seconds


async def bounded(step: Awaitable[object], most_s: float) -> None:
    """Wait for a step of a transaction for at most `most_s` seconds, and subtract the wait from the budget.

    Raises:
        TimeoutError: it takes longer.
    """
    started = time.perf_counter()
    try:
        async with asyncio.timeout(allowed_s(most_s)):
            await step
    finally:
        spend(time.perf_counter() - started)


def check_budget() -> None:
    """Check that the budget is not used up.

    Raises:
        DatabaseUnavailableError: it is used up.
    """
    budget = _budget.get()
    if budget is not None and budget.left_s <= 0:
        raise DatabaseUnavailableError(
            "the database answers too slowly for this request; if it was a change, it may or may not have taken effect",
            retry_after_s=2,
        )
