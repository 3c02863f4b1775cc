"""A COPY has a name on the server like every other statement, although the driver generates its text."""

from __future__ import annotations

import asyncio

import asyncpg

from svc.database.queries import Database


async def test_a_copy_has_the_name_of_its_statement_on_the_server(database: Database, database_url: str) -> None:
    holder, watcher = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    lock = holder.transaction()
    await lock.start()
    await holder.execute("lock table chunks in exclusive mode")
    # Until the lock is given up it waits, and can be seen.
    copying = asyncio.create_task(database.copy("ingest/write_chunks", []))
    try:
        assert "/* ingest/write_chunks */" in await _waiting_copy(watcher)
    finally:
        await lock.rollback()
        assert await copying == 0
        await holder.close()
        await watcher.close()


async def _waiting_copy(watcher: asyncpg.Connection[asyncpg.Record]) -> str:
    for _ in range(200):
        text: str | None = await watcher.fetchval(
            "select query from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'copy%'"
        )
        if text is not None:
            return text
        await asyncio.sleep(0.02)
    raise AssertionError("no COPY was seen to wait")
