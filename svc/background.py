"""Runs the background loops of a process, and restarts them when they die.

A loop awaits its turn repeatedly. If anything ends it (an error in a turn, a `BaseException`, an unexpected
cancellation), that is logged and counted, and the loop restarts after a pause that grows with each consecutive death.
`/health/ready` reports a loop that keeps dying.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from svc import metrics
from svc.backoff import backoff, jittered

logger = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.5
_MOST_PAUSE_S = 30.0
# A loop counts as failing after this many consecutive deaths. A single job can cause a single one.
_FAILING_FROM = 3
# Seconds in which a cancelled turn must end, for example return its job. Then it is cancelled again, then abandoned.
_STOP_S = 4.0

Turn = Callable[[], Awaitable[float]]
"""One turn of a loop: some work, or a wait for work. Returns the seconds to rest before the next turn."""


class Background:
    """The background loops of one process."""

    def __init__(self) -> None:
        self._loops: list[Loop] = []

    def keep(self, turn: Turn, *, name: str) -> Loop:
        """Start a loop that runs until it is stopped. `name` identifies it in the log and in the metrics."""
        loop = Loop(name, turn, self._loops.remove)
        self._loops.append(loop)
        return loop

    def once(
        self, work: Coroutine[Any, Any, None], *, name: str, context: contextvars.Context | None = None
    ) -> asyncio.Task[None]:
        """Start a task that runs once. A failure is logged and counted like the death of a loop."""
        task = asyncio.create_task(work, name=name, context=context)
        task.add_done_callback(_note_failure)
        return task

    @property
    def loop_count(self) -> int:
        """The number of loops that were started and not stopped."""
        return len(self._loops)

    @property
    def failing(self) -> list[Loop]:
        """The loops that keep dying."""
        return [loop for loop in self._loops if loop.is_failing]


class Loop:
    """One background loop. `forget` is called with the loop when it is stopped."""

    def __init__(self, name: str, turn: Turn, forget: Callable[[Loop], None]) -> None:
        self.name = name
        self.deaths = 0
        """The number of deaths since the last turn that succeeded."""
        self._turn = turn
        self._forget = forget
        self._is_stopping = False
        self._is_resting = False
        self._restart: asyncio.TimerHandle | None = None
        self._task = self._start()

    @property
    def is_failing(self) -> bool:
        """Whether the loop keeps dying."""
        return self.deaths >= _FAILING_FROM

    def went_well(self) -> None:
        """Reset the count of deaths. A long turn calls this as soon as it works."""
        self.deaths = 0

    async def stop(self) -> None:
        """Cancel the current turn and wait until it has ended. A turn that does not end within 8 s is abandoned."""
        self._end_with_this_turn()
        # A second time, because something in the turn may have swallowed the first.
        for _ in range(2):
            self._task.cancel()
            ended, _running = await asyncio.wait([self._task], timeout=_STOP_S)
            if ended:
                return
        logger.error("the loop %s does not stop and is abandoned", self.name)

    async def finish(self) -> None:
        """Let the current turn end, and start no other."""
        self._end_with_this_turn()
        if self._is_resting:
            self._task.cancel()
        await asyncio.wait([self._task])

    def _end_with_this_turn(self) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._forget(self)
        if self._restart is not None:
            self._restart.cancel()

    def _start(self) -> asyncio.Task[None]:
        self._restart = None
        self._is_resting = False
        self._task = asyncio.create_task(self._run(), name=self.name)
        self._task.add_done_callback(self._ended)
        return self._task

    async def _run(self) -> None:
        # The condition also ends a loop whose turn has swallowed its cancellation.
        while not self._is_stopping:
            rest_s = await self._turn()
            self.went_well()
            if rest_s and not self._is_stopping:
                self._is_resting = True
                await asyncio.sleep(rest_s)
                self._is_resting = False

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self._is_stopping:
            if not task.cancelled() and error is not None:
                logger.error("the loop %s failed while it was being stopped", self.name, exc_info=error)
            return
        if isinstance(error, KeyboardInterrupt | SystemExit):
            return
        self.deaths += 1
        metrics.background_failures_total.labels(self.name).inc()
        pause_s = jittered(backoff(self.deaths, _FIRST_PAUSE_S, _MOST_PAUSE_S))
        logger.error("the loop %s died and will be restarted in %.1f s", self.name, pause_s, exc_info=error)
        self._restart = task.get_loop().call_later(pause_s, self._start)


def _note_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        metrics.background_failures_total.labels(task.get_name()).inc()
        logger.error("the task %s failed", task.get_name(), exc_info=error)
