"""The turn of a worker's loop: one job if there is one, else a wait for the next."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from svc.backoff import backoff, jittered
from svc.errors import UnavailableError

logger = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_MOST_PAUSE_S = 30.0


class WorkTurn:
    """Does one job per call. `work` says whether there was one; `wait` returns when it is time to look again.

    While the database is away it pauses, longer each time. Any other error ends the loop, which is restarted: a bug
    costs one job its attempt, not the process its worker.
    """

    def __init__(self, work: Callable[[], Awaitable[bool]], wait: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._wait = wait
        self._failures = 0

    async def __call__(self) -> float:
        """Do a job or wait; there is no rest after it."""
        try:
            if not await self._work():
                await self._wait()
            self._failures = 0
        except UnavailableError as error:
            self._failures += 1
            logger.warning("the worker waits for the database: %s", error.detail)
            return jittered(backoff(self._failures, _FIRST_PAUSE_S, _MOST_PAUSE_S))
        return 0.0


def pause_s(due_in_s: float | None, poll_s: float) -> float:
    """Seconds to sleep when the next job is due in `due_in_s` (None: there is none), but no longer than `poll_s`."""
    return poll_s if due_in_s is None else min(poll_s, max(0.01, due_in_s))
