"""Reports the end of an attempt to the queue."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from svc.backoff import backoff, jittered
from svc.errors import UnavailableError

logger = logging.getLogger(__name__)

Report = Callable[[], Awaitable[object]]
"""Reports the outcome of an attempt to the queue."""

LOCKED_PAUSE_S = 2.0
"""Seconds until a job whose rows another session has locked is due again."""

_FIRST_PAUSE_S = 0.5
_MOST_PAUSE_S = 5.0


async def reported(report: Report, lease_s: float) -> None:
    """Report the end of an attempt. While the database is unavailable, retry until the lease has ended.

    A report that never arrives costs the job the rest of its lease, and counts as an interruption.

    Raises:
        UnavailableError: the database was unavailable all the time.
    """
    deadline = time.monotonic() + lease_s
    failures = 0
    while True:
        try:
            await report()
        except UnavailableError as error:
            failures += 1
            pause_s = jittered(backoff(failures, _FIRST_PAUSE_S, _MOST_PAUSE_S))
            if time.monotonic() + pause_s > deadline:
                raise
            logger.warning("the end of an attempt will be reported later: %s", error.detail)
        else:
            return
        await asyncio.sleep(pause_s)
