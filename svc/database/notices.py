"""Waiting for a NOTIFY, on a connection of its own: a pooled one must not carry session state."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncpg

logger = logging.getLogger(__name__)

_RECONNECT_S = 5.0


class Notices:
    """Wakes waiting tasks when something is sent to one channel; each waits at most as long as it says.

    Without a connection (the database is down, or a pooler does not carry LISTEN) the waits just run out: polling
    is the fallback, and the log says so once.
    """

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, now and again after every lost connection."""
        self._task = asyncio.create_task(self._listen(), name=f"listen-{self._channel}")

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self, timeout_s: float) -> None:
        """Return at the next notice, or after `timeout_s` seconds."""
        try:
            await asyncio.wait_for(self._arrived.wait(), timeout_s)
        except TimeoutError:
            return

    async def _listen(self) -> None:
        is_lost = False
        while True:
            try:
                await self._until_closed()
                is_lost = False
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                if not is_lost:
                    logger.warning("no notices of new documents, polling instead: %r", error)
                is_lost = True
            await asyncio.sleep(_RECONNECT_S)

    async def _until_closed(self) -> None:
        closed = asyncio.Event()
        connection = await asyncpg.connect(
            self._url, timeout=10, server_settings={"application_name": "cabinet notices"}
        )
        try:
            connection.add_termination_listener(lambda _connection: closed.set())
            await connection.add_listener(self._channel, self._wake)
            await closed.wait()
        finally:
            connection.terminate()

    def _wake(self, *_notice: Any) -> None:
        # Everyone who waits now wakes; who comes later waits for the next notice.
        self._arrived.set()
        self._arrived = asyncio.Event()
