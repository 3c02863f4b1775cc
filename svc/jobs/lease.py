"""Renews the lease of a running job with a heartbeat, and cancels the job when the lease is lost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from svc.errors import UnavailableError

logger = logging.getLogger(__name__)

# Seconds between checks whether the progress has changed and needs to be recorded.
_CHECK_S = 0.5

Heartbeat = Callable[[float], Awaitable[None]]
"""Renews the lease and records the progress, 0 to 1; raises `LeaseLostError` if the lease is lost."""


class Progress:
    """The progress of a job, 0 to 1; its steps write it, its heartbeat reads it."""

    value: float = 0.0


@asynccontextmanager
async def leased(heartbeat: Heartbeat, lease_s: float, progress: Progress) -> AsyncIterator[None]:
    """Renew the lease while the block runs. If the lease is lost, cancel the block and raise `LeaseLostError`."""
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
        # Frequent while there is progress to show; otherwise only every third of the lease.
        await asyncio.sleep(min(_CHECK_S, lease_s / 3))
        if progress.value != shown or time.monotonic() - last >= lease_s / 3:
            try:
                await heartbeat(progress.value)
            except UnavailableError as error:
                logger.warning("missed a heartbeat: %s", error.detail)
                continue
            shown, last = progress.value, time.monotonic()


def _first(errors: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
