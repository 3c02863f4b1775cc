"""Upgrades of a database in use: from every earlier version, with rows in every table, up, down and up again."""

from __future__ import annotations

import asyncpg
import pytest

from svc.database.migrate import apply_migrations, rollback_migrations
from svc.database.migration_files import read_migrations
from svc.database.migration_session import migrating
from svc.database.migration_steps import apply_step, log_step, vectors_step
from svc.database.statements import load_statements
from svc.resources import resource_folder
from svc.settings import Settings
from svc.signatures import signature_bits
from tests.conftest import POSTGRES_VERSION
from tests.database.filling import columns_of, contents, fill
from tests.database.schema import SCHEMA, dump

MIGRATIONS = read_migrations()
ALL = [migration.id for migration in MIGRATIONS]
# The table of vectors came with the release that has this migration.
VECTORS = {"0006.embedding_model": "chunk_vectors", "0008.message_jobs": "message_vectors"}


async def migrate_to(url: str, settings: Settings, count: int) -> None:
    """Bring an empty database to an earlier version, as the release that had `count` migrations did."""
    statements = load_statements(resource_folder("sql"))
    tables = [VECTORS[name] for name in ALL[:count] if name in VECTORS]
    async with migrating(url, statements, 5) as session:
        await session.take(log_step(statements))
        for migration in MIGRATIONS[:count]:
            await session.take(apply_step(migration, statements))
        if tables:
            await session.take(vectors_step(settings, True, tables, statements))


@pytest.mark.parametrize("count", range(1, len(ALL) + 1), ids=ALL)
async def test_from_this_version_with_data_the_way_up_down_and_up_keeps_all(
    settings: Settings, empty_url: str, count: int
) -> None:
    await migrate_to(empty_url, settings, count)
    connection = await asyncpg.connect(empty_url)
    try:
        await fill(connection, 3, signature_bits(settings.dimensions))
        columns = await columns_of(connection)
        before, schema = await contents(connection, columns), dump(empty_url, POSTGRES_VERSION)
        assert all(rows for rows, _ in before.values())

        assert await apply_migrations(settings, empty_url) == ALL[count:]
        assert dump(empty_url, POSTGRES_VERSION) == SCHEMA.read_text()
        assert await contents(connection, columns) == before

        await rollback_migrations(settings, empty_url, len(ALL) - count)
        assert await contents(connection, columns) == before
        if not set(VECTORS.values()) & (set(await columns_of(connection)) - set(columns)):
            assert dump(empty_url, POSTGRES_VERSION) == schema

        assert await apply_migrations(settings, empty_url) == ALL[count:]
        assert dump(empty_url, POSTGRES_VERSION) == SCHEMA.read_text()
        assert await contents(connection, columns) == before
    finally:
        await connection.close()


async def test_a_full_database_of_the_newest_version_loses_nothing_by_the_last_step_back(
    settings: Settings, database_url: str
) -> None:
    """Only what the header of the newest migration says is lost."""
    connection = await asyncpg.connect(database_url)
    try:
        await fill(connection, 3, signature_bits(settings.dimensions))
        await rollback_migrations(settings, database_url, 1)
        columns = await columns_of(connection)
        kept = await contents(connection, columns)
        assert all(rows for rows, _ in kept.values())

        assert await apply_migrations(settings, database_url) == ALL[-1:]
        assert await contents(connection, columns) == kept
    finally:
        await connection.close()
