"""Refuses requests that an overloaded server could not answer soon, before they cost more than their refusal.

A server without free processor time reads requests faster than it answers them, and all of them become late. The
symptom is a late event loop with many current requests. New requests are then refused until the loop is on time again,
so that the current ones are answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from svc.errors import UnavailableError

# With fewer current requests, something else makes the loop late.
_MANY = 64
_TICK_S = 0.05
# A refusal costs about a third of an answer, so a refused client should not return at once.
_RETRY_AFTER_S = 2.0
# Monitoring must still see the state of the server.
_NEVER_REFUSED = ("/health/", "/metrics")


class Overload:
    """The number of current requests, and the lag of the event loop. With `most_late_s` 0, nothing is refused."""

    def __init__(self, most_late_s: float) -> None:
        self._most_late_s = most_late_s
        self._in_hand = 0
        self._late_s = 0.0
        self._due_at: float | None = None

    @contextmanager
    def request(self, path: str) -> Iterator[None]:
        """Count a request for the duration of the block.

        Raises:
            UnavailableError: the server is overloaded.
        """
        if self._is_too_late() and not path.startswith(_NEVER_REFUSED):
            raise UnavailableError(
                "the server has more requests than it can answer; try again in a moment", retry_after_s=_RETRY_AFTER_S
            )
        self._in_hand += 1
        try:
            yield
        finally:
            self._in_hand -= 1

    def _is_too_late(self) -> bool:
        if not self._most_late_s or self._in_hand < _MANY:
            return False
        now = time.monotonic()
        if self._due_at is None:
            self._watch(now)
            return False
        # The current pass of the loop may also be long.
        return max(self._late_s, now - self._due_at) > self._most_late_s

    def _watch(self, now: float) -> None:
        self._due_at = now + _TICK_S
        asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _tick(self) -> None:
        assert self._due_at is not None
        now = time.monotonic()
        self._late_s = now - self._due_at
        self._due_at = None
        if self._in_hand >= _MANY:
            self._watch(now)
        else:
            self._late_s = 0.0
