"""One turn of a worker's loop: run a job if one is due, otherwise wait for the next."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from svc.backoff import backoff, jittered
from svc.errors import UnavailableError

logger = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
# The longest time after the return of the database until a worker notices it.
_MOST_PAUSE_S = 4.0
# A job that is overdue although nothing could be claimed is locked, or another worker is about to claim it.
_OVERDUE_PAUSE_S = 0.2


class WorkTurn:
    """Runs one job per call. `work` returns whether there was one; `wait` returns when it is time to check again.

    While the database is unavailable, the pauses between calls grow. Any other error ends the loop, which is then
    restarted: a bug costs a job one attempt, but does not cost the process its worker.
    """

    def __init__(self, work: Callable[[], Awaitable[bool]], wait: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._wait = wait
        self._failures = 0

    async def __call__(self) -> float:
        """Run a job or wait. Returns the seconds to rest before the next turn: 0 unless the database is unavailable."""
        try:
            if not await self._work():
                await self._wait()
            self._failures = 0
        except UnavailableError as error:
            self._failures += 1
            logger.warning("the worker is waiting for the database: %s", error.detail)
            return jittered(backoff(self._failures, _FIRST_PAUSE_S, _MOST_PAUSE_S))
        return 0.0


def pause_s(due_in_s: float | None, poll_s: float) -> float:
    """Seconds to sleep until the next job is due in `due_in_s` (None: no job; negative: overdue), at most `poll_s`."""
    if due_in_s is None:
        return poll_s
    return min(poll_s, max(0.01, due_in_s) if due_in_s >= 0 else _OVERDUE_PAUSE_S)
