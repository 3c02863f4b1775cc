"""A worker's loop: works as long as there is work, waits where there is none, and outlives what goes wrong."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from svc.errors import UnavailableError

logger = logging.getLogger(__name__)

_MOST_PAUSE_S = 30.0


async def keep_working(work: Callable[[], Awaitable[bool]], wait: Callable[[], Awaitable[None]]) -> None:
    """Do one job after the other until cancelled; `work` says whether there was one, `wait` returns when to look again.

    After a failure it pauses, longer after each further one.
    """
    failures = 0
    while True:
        try:
            if not await work():
                await wait()
            failures = 0
        except UnavailableError as error:
            failures += 1
            logger.warning("the worker waits for the database: %s", error.detail)
            await asyncio.sleep(min(_MOST_PAUSE_S, 0.5 * 2**failures) * random.uniform(0.5, 1))  # noqa: S311  jitter
        except Exception:
            # A fault of ours must cost one job its attempt, not the process its worker.
            failures += 1
            logger.exception("the worker met an error of its own and goes on")
            await asyncio.sleep(min(_MOST_PAUSE_S, 0.5 * 2**failures))


def pause_s(due_in_s: float | None, poll_s: float) -> float:
    """Seconds to sleep when the next job is due in `due_in_s` (None: there is none), but no longer than `poll_s`."""
    return poll_s if due_in_s is None else min(poll_s, max(0.01, due_in_s))
