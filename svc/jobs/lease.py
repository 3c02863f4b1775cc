"""Renews the lease of a running job with a heartbeat, cancels the job when the lease is lost, and returns the job when
the worker stops.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from svc.errors import CabinetError, UnavailableError

logger = logging.getLogger(__name__)

# Seconds between checks whether the progress has changed and needs to be recorded.
_CHECK_S = 0.5
# Seconds in which a stopping worker returns its job. If the database does not answer, the lease expires.
_RETURN_S = 2.5
_PAUSES_S = (0.05, 0.2, 0.5, 0.0)

J = TypeVar("J")
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


async def claimed(claim: Coroutine[Any, Any, J | None], release: Callable[[J], Awaitable[int]]) -> J | None:
    """Claim a job. If the worker is stopped meanwhile, it waits for the claim and returns the job, since no other
    worker knows of it."""
    task = asyncio.current_task()
    claiming = asyncio.create_task(claim, name=None if task is None else task.get_name())
    try:
        return await asyncio.shield(claiming)
    except asyncio.CancelledError:
        await return_job(partial(_release_claimed, claiming, release))
        raise


async def _release_claimed(claiming: asyncio.Task[J | None], release: Callable[[J], Awaitable[int]]) -> int:
    job = await claiming
    return 1 if job is None else await release(job)


async def return_job(release: Callable[[], Awaitable[int]]) -> None:
    """Return the job of a stopping worker to the queue, if the database answers soon; raises only `CancelledError`.
    `release` returns 0 if the job is locked or gone.
    """
    try:
        async with asyncio.timeout(_RETURN_S):
            # A just cancelled statement of this worker can still hold its locks for a short time.
            for pause_s in _PAUSES_S:
                if await release():
                    return
                await asyncio.sleep(pause_s)
    except (CabinetError, TimeoutError) as error:
        logger.warning("could not return a job to the queue; another worker takes it when its lease ends: %s", error)


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
