"""Connections of the tests that are reused, since a new one takes about 10 ms of the server's processor time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

_idle: dict[str, list[Any]] = {}


@asynccontextmanager
async def kept_connection(url: str) -> AsyncIterator[Any]:
    """Lend a connection for the block: one that an earlier block has returned unchanged, or a new one."""
    idle = _idle.setdefault(url, [])
    idle[:] = [connection for connection in idle if not connection.is_closed()]
    connection = idle.pop() if idle else await asyncpg.connect(url)
    is_sound = False
    try:
        yield connection
        is_sound = not connection.is_closed() and not connection.is_in_transaction()
    finally:
        if is_sound:
            await connection.reset()
            idle.append(connection)
        else:
            await connection.close()


async def close_kept(url: str) -> None:
    """Close the idle connections to a database."""
    for connection in _idle.pop(url, []):
        await connection.close()


async def close_all_kept() -> None:
    """Close all idle connections."""
    for url in list(_idle):
        await close_kept(url)
