"""Starting the embedded server again when it ends while a process needs it: killed by hand, or for want of memory."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from svc import metrics
from svc.background import Background
from svc.backoff import backoff
from svc.embedded.server import EmbeddedServer
from svc.errors import StartupError

logger = logging.getLogger(__name__)

_LOOK_S = 0.5
_MOST_PAUSE_S = 10.0


@asynccontextmanager
async def supervised(server: EmbeddedServer) -> AsyncIterator[None]:
    """Keep the server running for the block. Every process that uses one does so; the first to notice starts it."""
    loop = Background().keep(_Supervisor(server).turn, name="embedded-server")
    try:
        yield
    finally:
        # Not cancelled: a start under way goes on in its thread, and must have ended before the server is stopped.
        await loop.finish()


class _Supervisor:
    """Looks whether the server runs; counts the starts that failed in a row."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server
        self._failures = 0

    async def turn(self) -> float:
        """Look once, and start the server where it has ended; the seconds until the next look."""
        if self._server.is_running:
            return _LOOK_S
        started = time.monotonic()
        logger.error("the embedded PostgreSQL has ended; starting it again")
        try:
            await asyncio.to_thread(self._server.start_again)
        except StartupError as error:
            self._failures += 1
            pause_s = backoff(self._failures, _LOOK_S, _MOST_PAUSE_S)
            logger.warning("%s; trying again in %.1f s", error.detail.removesuffix("."), pause_s)
            return pause_s
        self._failures = 0
        metrics.embedded_restarts_total.inc()
        logger.warning("the embedded PostgreSQL runs again after %.1f s", time.monotonic() - started)
        return _LOOK_S
