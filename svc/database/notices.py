"""Waits for NOTIFY on a separate connection, because pooled connections must not have session state."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import asyncpg

from svc.background import Background, Loop
from svc.database.keepalive import SERVER_SETTINGS, keep_alive

logger = logging.getLogger(__name__)

_RECONNECT_S = 5.0
_CONNECT_S = 10.0
# A network can drop an idle connection silently: a periodic round trip detects this.
_CHECK_EVERY_S = 15.0
_ANSWER_S = 5.0


class Notices:
    """Wakes waiting tasks when a notification arrives on one channel, or after their timeouts.

    Without a connection (the database is down, or a pooler does not support LISTEN) the waits time out, so the tasks
    poll. This is logged once.
    """

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._arrived = asyncio.Event()
        self._loop: Loop | None = None
        self._is_lost = False

    def start(self, background: Background) -> None:
        """Start to listen. A lost connection is reopened."""
        self._loop = background.keep(self._listen, name="notices")

    async def stop(self) -> None:
        """Stop listening."""
        if self._loop is not None:
            await self._loop.stop()

    async def wait(self, timeout_s: float) -> None:
        """Return at the next notification, or after `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        except TimeoutError:
            return

    async def _listen(self) -> float:
        try:
            await self._until_closed()
            self._is_lost = False
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            if not self._is_lost:
                logger.warning("cannot listen for new documents, polling instead: %r", error)
            self._is_lost = True
        return _RECONNECT_S

    async def _until_closed(self) -> None:
        closed = asyncio.Event()
        connection = await asyncpg.connect(
            self._url,
            timeout=_CONNECT_S,
            command_timeout=_ANSWER_S,
            server_settings={"application_name": "cabinet notices", **SERVER_SETTINGS},
        )
        try:
            keep_alive(connection)
            connection.add_termination_listener(lambda _connection: closed.set())
            await connection.add_listener(self._channel, self._wake)
            if self._loop is not None:
                self._loop.went_well()
            while not closed.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_CHECK_EVERY_S):
                        await closed.wait()
                if not closed.is_set():
                    async with connection.transaction():
                        pass
        finally:
            connection.terminate()

    def _wake(self, *_notice: Any) -> None:
        # Wakes all current waiters; later ones wait for the next notification.
        self._arrived.set()
        self._arrived = asyncio.Event()
