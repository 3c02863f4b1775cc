"""Restarts the embedded server if it ends while a process needs it, such as when it runs out of memory."""

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

_CHECK_S = 0.5
_MOST_PAUSE_S = 10.0


@asynccontextmanager
async def supervised(server: EmbeddedServer, background: Background | None = None) -> AsyncIterator[None]:
    """Keep the server running for the block. All processes that use it do this; the first to notice restarts it.

    `background` has the other loops of a process that reports their state.
    """
    background = background or Background()
    loop = background.keep(_Supervisor(server).turn, name="embedded-server")
    try:
        yield
    finally:
        # Not cancelled: a start in progress continues in its thread, and must have ended before the server is stopped.
        await loop.finish()


class _Supervisor:
    """Checks whether the server is running, and counts consecutive failures to restart it."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server
        self._failures = 0

    async def turn(self) -> float:
        """Check once, and restart the server if it has ended. Returns the seconds until the next check."""
        if self._server.is_running:
            return _CHECK_S
        started = time.monotonic()
        logger.error("the embedded PostgreSQL has ended; restarting it")
        try:
            await asyncio.to_thread(self._server.restart)
        except StartupError as error:
            self._failures += 1
            pause_s = backoff(self._failures, _CHECK_S, _MOST_PAUSE_S)
            logger.warning("%s; retrying in %.1f s", error.detail.removesuffix("."), pause_s)
            return pause_s
        self._failures = 0
        metrics.embedded_restarts_total.inc()
        logger.warning("the embedded PostgreSQL was restarted in %.1f s", time.monotonic() - started)
        return _CHECK_S
