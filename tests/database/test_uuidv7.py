"""Ids: the server's own uuidv7() on PostgreSQL 18, and the equivalent function of the migrations on 16."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from svc.embedded.server import start_embedded
from svc.migrations.migrate import apply_migrations
from tests.conftest import POSTGRES_VERSION, test_settings


@pytest_asyncio.fixture(scope="module")
async def old_connection() -> AsyncIterator[Any]:
    """A migrated database on PostgreSQL 16, whatever the version of the run."""
    folder = Path(tempfile.mkdtemp(prefix="cabinet-sixteen-"))
    folder.chmod(0o755)
    server = await start_embedded(folder, "16")
    try:
        await apply_migrations(test_settings(), server.url)
        connection = await asyncpg.connect(server.url)
        yield connection
        await connection.close()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture
async def new_connection(database_url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture(params=["16", "the run's own"])
def connection(request: pytest.FixtureRequest) -> Any:
    """A connection to each of the two kinds of server."""
    return request.getfixturevalue("old_connection" if request.param == "16" else "new_connection")


async def burst(connection: Any, count: int) -> list[UUID]:
    rows = await connection.fetch("select uuidv7() as id from generate_series(1, $1)", count)
    return [UUID(bytes=row["id"].bytes) for row in rows]


async def test_version_and_variant_are_those_of_rfc_9562(connection: Any) -> None:
    ids = await burst(connection, 2000)

    assert {id_.version for id_ in ids} == {7}
    assert {id_.variant for id_ in ids} == {"specified in RFC 4122"}
    assert {id_.bytes[8] >> 6 for id_ in ids} == {0b10}
    assert {id_.bytes[6] >> 4 for id_ in ids} == {7}


async def test_the_first_48_bits_are_the_milliseconds_of_now(connection: Any) -> None:
    before = time.time_ns() // 1_000_000
    [id_] = await burst(connection, 1)
    after = time.time_ns() // 1_000_000

    assert before - 5 <= int.from_bytes(id_.bytes[:6]) <= after + 5


async def test_ids_made_one_after_the_other_sort_in_that_order(connection: Any) -> None:
    ids = await burst(connection, 20_000)

    assert len(set(ids)) == len(ids)
    # Two ids within a quarter of a microsecond may be out of order on 16; the clock itself counts microseconds.
    misplaced = sum(later < earlier for earlier, later in itertools.pairwise(ids))
    assert misplaced <= len(ids) // 1000


async def test_the_random_bits_are_random(connection: Any) -> None:
    ids = await burst(connection, 2000)

    tails = {id_.int & (2**62 - 1) for id_ in ids}
    assert len(tails) == len(ids)
    for bit in range(62):
        share = sum(tail >> bit & 1 for tail in tails) / len(tails)
        assert 0.4 < share < 0.6, f"bit {bit} is set in {share:.0%}"


async def test_ids_are_the_defaults_of_the_tables(connection: Any) -> None:
    first = await connection.fetchval("insert into users (email, plan) values ('a@example.org', 'free') returning id")
    second = await connection.fetchval("insert into users (email, plan) values ('b@example.org', 'free') returning id")

    assert first < second
    assert first.version == 7
    await connection.execute("truncate users cascade")


async def test_the_function_is_made_only_where_the_server_has_none(new_connection: Any) -> None:
    made = await new_connection.fetchval(
        "select count(*) from pg_proc where proname = 'uuidv7' and pronamespace = 'public'::regnamespace"
    )

    assert made == (1 if POSTGRES_VERSION == "16" else 0)
