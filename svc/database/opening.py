"""Opens a connection pool, and sets up each connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg

from svc.database.codecs import connection_preparer
from svc.database.connecting import NOT_CONNECTED, cannot_connect
from svc.database.keepalive import keep_alive
from svc.database.pool import Pool
from svc.database.shares import Places, Shares
from svc.database.statements import Statement
from svc.settings.database import DatabaseSettings


async def open_pool(
    settings: DatabaseSettings,
    url: str,
    vector_schema: Statement,
    session: Mapping[str, str],
    shares: Shares | Places,
    *,
    examine: Callable[[Any], Awaitable[None]] | None = None,
) -> Pool:
    """Open a pool with the settings `session` on the database at `url`, with one connection for each place of `shares`.

    `vector_schema` is the statement for `connection_preparer`. `examine` is called with each new connection.

    Raises:
        StartupError: the database does not answer, refuses the login, or has no pgvector.
    """
    # statement_timeout makes the server cancel a statement. This is for a server that no longer answers.
    statement_s = settings.statement_timeout_s + 1
    prepare = connection_preparer(vector_schema)

    async def connect(*arguments: Any, **options: Any) -> Any:
        # One limit for both: asyncpg's pool would close a connection that cannot be prepared, and wait for its answer.
        async with asyncio.timeout(settings.connect_timeout_s):
            connection = await asyncpg.connect(*arguments, **options)
            try:
                keep_alive(connection)
                await prepare(connection)
                if examine is not None:
                    await examine(connection)
            except BaseException:
                connection.terminate()
                raise
            return connection

    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=min(settings.pool_min_size, shares.count) if isinstance(shares, Shares) else 0,
            max_size=shares.count,
            command_timeout=statement_s,
            connect=connect,
            reset=_keep_session,
            server_settings=dict(session),
        )
    except NOT_CONNECTED as error:
        raise cannot_connect(url, error, session) from error
    return Pool(
        pool, settings.acquire_timeout_s, statement_s, vector_schema.text, shares, has_row_security=settings.rls
    )


async def _keep_session(_connection: Any) -> None:
    """Skip the reset, which takes 190 µs: no statement of Cabinet changes the state of its session."""
