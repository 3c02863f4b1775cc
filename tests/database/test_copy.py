"""A COPY is named on the server like every other statement, although the driver writes its text."""

from __future__ import annotations

import asyncio

import asyncpg

from svc.database.queries import Database


async def test_a_copy_is_known_by_its_name(database: Database, database_url: str) -> None:
    watcher = await asyncpg.connect(database_url)
    lock = watcher.transaction()
    await lock.start()
    await watcher.execute("lock table chunks in access exclusive mode")
    # Until the lock is given up it waits, and can be seen.
    copying = asyncio.create_task(database.copy("ingest/write_chunks", []))
    try:
        async with asyncio.timeout(5):
            while not (seen := await _running_copies(watcher)):
                await asyncio.sleep(0.02)
        assert "/* ingest/write_chunks */" in seen[0]
    finally:
        await lock.rollback()
        await copying
        await watcher.close()


async def _running_copies(watcher: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    rows = await watcher.fetch(
        "select query from pg_stat_activity where datname = current_database() and query ilike '%copy%stdin%'"
        " and pid <> pg_backend_pid()"
    )
    return [row["query"] for row in rows]
