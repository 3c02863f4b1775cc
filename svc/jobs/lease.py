"""Keeping a lease while a job is at work: a heartbeat beside it, and the job's end when the lease is lost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from svc.errors import UnavailableError

logger = logging.getLogger(__name__)

# Seconds between two looks at the progress, which is shown when it has changed.
_LOOK_S = 0.5

Heartbeat = Callable[[float], Awaitable[None]]
"""Renews the lease and shows the progress, 0 to 1; raises `LeaseLostError` when it is lost."""


class Progress:
    """How far a job is, 0 to 1; written by its steps, read by its heartbeat."""

    value: float = 0.0


@asynccontextmanager
async def leased(heartbeat: Heartbeat, lease_s: float, progress: Progress) -> AsyncIterator[None]:
    """Keep the lease while the block runs; when it is lost, the block is cancelled with `LeaseLostError`."""
    try:
        async with asyncio.TaskGroup() as group:
            heart = group.create_task(_beat(heartbeat, lease_s, progress))
            yield
            heart.cancel()
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


async def _beat(heartbeat: Heartbeat, lease_s: float, progress: Progress) -> None:
    shown = -1.0
    last = time.monotonic()
    while True:
        # Often enough for people to see progress, but only a third of the lease apart when there is none.
        await asyncio.sleep(min(_LOOK_S, lease_s / 3))
        if progress.value != shown or time.monotonic() - last >= lease_s / 3:
            try:
                await heartbeat(progress.value)
            except UnavailableError as error:
                logger.warning("a heartbeat was missed: %s", error.detail)
                continue
            shown, last = progress.value, time.monotonic()


def _first(errors: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
