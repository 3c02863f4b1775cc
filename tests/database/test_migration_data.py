"""Upgrades of a database in use, from every migration, with rows in every table: up, down and up again."""

from __future__ import annotations

import re

import asyncpg
import pytest

from svc.database.statements import load_statements
from svc.migrations.files import read_migrations
from svc.migrations.migrate import apply_migrations, rollback_migrations
from svc.migrations.session import migrating
from svc.migrations.steps import VECTOR_DDL, apply_step, log_step, vectors_step
from svc.resources import resource_folder
from svc.settings import Settings
from svc.vectors.signatures import signature_bits
from tests.conftest import POSTGRES_VERSION
from tests.database.added_migrations import ADDED, ALL, RELEASED
from tests.database.filling import columns_of, contents, fill
from tests.database.schema import SCHEMA, dump

pytestmark = pytest.mark.usefixtures("added")


async def migrate_to(url: str, settings: Settings, count: int) -> None:
    """Bring an empty database to the state after `count` migrations."""
    statements = load_statements(resource_folder("sql"))
    async with migrating(url, statements, 5) as session:
        await session.run(log_step(statements))
        for migration in read_migrations()[:count]:
            await session.run(apply_step(migration, statements))
        if count > ALL.index("0007.embedding_model"):
            await session.run(vectors_step(settings, True, VECTOR_DDL, statements))


@pytest.mark.parametrize("count", range(1, len(ALL) + 1), ids=ALL)
async def test_upgrading_downgrading_and_upgrading_keeps_all_data(
    settings: Settings, empty_url: str, count: int
) -> None:
    await migrate_to(empty_url, settings, count)
    connection = await asyncpg.connect(empty_url)
    try:
        await fill(connection, 3, signature_bits(settings.dimensions))
        columns = await columns_of(connection)
        before = await contents(connection, columns)
        assert all(rows for rows, _ in before.values())

        assert await apply_migrations(settings, empty_url) == ALL[count:]
        newest = dump(empty_url, POSTGRES_VERSION)
        assert await contents(connection, columns) == before

        await rollback_migrations(settings, empty_url, len(ALL) - count)
        assert await contents(connection, columns) == before
        assert await columns_of(connection) == columns

        assert await apply_migrations(settings, empty_url) == ALL[count:]
        assert dump(empty_url, POSTGRES_VERSION) == newest
        assert await contents(connection, columns) == before

        if count <= len(RELEASED):
            await rollback_migrations(settings, empty_url, len(ADDED))
            assert dump(empty_url, POSTGRES_VERSION) == SCHEMA.read_text()
            assert await contents(connection, columns) == before
    finally:
        await connection.close()


async def test_rolling_back_the_last_migration_of_a_database_in_use_loses_nothing(
    settings: Settings, database_url: str
) -> None:
    """Only the data that the header of the newest migration names is lost."""
    connection = await asyncpg.connect(database_url)
    try:
        await apply_migrations(settings, database_url)
        await fill(connection, 3, signature_bits(settings.dimensions))
        await rollback_migrations(settings, database_url, 1)
        columns = await columns_of(connection)
        kept = await contents(connection, columns)
        assert all(rows for rows, _ in kept.values())

        assert await apply_migrations(settings, database_url) == ALL[-1:]
        assert await contents(connection, columns) == kept
    finally:
        await connection.close()


# The strongest lock on each table, among those that affect other sessions.
HELD = """
    select distinct on (l.relation) l.relation::regclass::text as name, l.mode
    from unnest(array['ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
        'AccessExclusiveLock']) with ordinality as m (mode, strength)
    inner join pg_locks as l using (mode)
    where l.pid = pg_backend_pid() and l.granted and l.relation = any($1::oid[])
    order by l.relation, m.strength desc"""


async def test_each_header_names_the_locks_that_the_server_sees(empty_url: str) -> None:
    """It compares locks on existing tables in modes that block reads or writes."""
    connection = await asyncpg.connect(empty_url)
    try:
        for migration in read_migrations():
            tables = "select oid from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
            before = [row["oid"] for row in await connection.fetch(tables)]
            if not migration.is_transactional:
                for statement in migration.statements:
                    await connection.execute(statement)
                continue
            async with connection.transaction():
                for statement in migration.statements:
                    await connection.execute(statement)
                held = {(row["name"], row["mode"]) for row in await connection.fetch(HELD, before)}
            said = " ".join(
                migration.header.replace("\n--  ", "").partition("-- Lock: ")[2].partition("-- ")[0].split()
            )
            for table, mode in held:
                words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()
                assert re.search(rf"\b{table}\b", said), (migration.id, table, mode, said)
                assert words in said, (migration.id, table, mode, said)
            assert bool(held) == (not said.startswith("none")), (migration.id, held, said)
    finally:
        await connection.close()
