"""The indexes of large tenants: planned and applied changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from svc.background import Background
from svc.database.rows import IndexesList
from svc.database.statements import load_statements
from svc.errors import ConflictError
from svc.resources import resource_folder
from svc.search.index_plan import plan_indexes, planned_steps
from svc.search.own_indexes import IndexBuilder, index_turn
from tests.conftest import Service, running_service, test_settings
from tests.made_up_rows import row_of
from tests.routes.tenants import direct_connection
from tests.search.corpus import make_corpus, random_vectors

NAME = "chunk_vectors_hnsw_" + "0" * 32


def row(count: int | None, *, exists: bool = False, is_valid: bool = False, noted: bool = False) -> IndexesList:
    """A row of `indexes/list`."""
    return row_of(
        IndexesList,
        user_id=None if count is None else UUID(int=0),
        chunk_count=count,
        has_index=noted,
        index_name=NAME if exists else None,
        is_valid=is_valid,
    )


@pytest.mark.parametrize(
    ("found", "action", "reason"),
    [
        (row(99), None, ""),
        (row(100), "create", "100 vectors"),
        (row(100, exists=True, is_valid=True, noted=True), None, ""),
        (row(50, exists=True, is_valid=True, noted=True), None, ""),
        (row(49, exists=True, is_valid=True, noted=True), "drop", "fewer than half"),
        (row(100, exists=True, is_valid=False), "rebuild", "invalid"),
        (row(60, exists=True, is_valid=False), "drop", "invalid"),
        (row(100, exists=True, is_valid=True, noted=False), "note", "not marked"),
        (row(10, noted=True), "note", "does not exist"),
        (row(None, exists=True, is_valid=True), "drop", "erased"),
    ],
)
def test_planned_changes(found: IndexesList, action: str | None, reason: str) -> None:
    steps = plan_indexes([found], 100, 256)
    assert [step.action for step in steps] == ([action] if action else [])
    assert all(reason in step.reason for step in steps)


@pytest.mark.parametrize(("count", "dimensions", "edges"), [(99_999, 1024, 16), (100_000, 1024, 24), (100, 1023, 24)])
def test_large_tenants_and_few_dimensions_get_more_edges(count: int, dimensions: int, edges: int) -> None:
    [step] = plan_indexes([row(count)], 100, dimensions)
    [ddl] = step.ddl(load_statements(resource_folder("sql")))
    assert f"m = {edges}," in ddl


@pytest_asyncio.fixture
async def idle(database_url: str) -> AsyncIterator[Service]:
    """A service whose indexes only the test changes."""
    async with running_service(test_settings(worker_concurrency=0, key_cache_s=0), database_url) as service:
        yield service


async def indexes(service: Service) -> dict[str, bool]:
    """The tenants' indexes in the database, and their validity."""
    connection = await asyncpg.connect(service.url)
    rows = await connection.fetch(
        "select indexrelid::regclass::text as name, indisvalid from pg_index"
        " where indexrelid::regclass::text like 'chunk_vectors_hnsw_%'"
    )
    await connection.close()
    return {found["name"]: found["indisvalid"] for found in rows}


async def take_all(service: Service, min_rows: int) -> list[str]:
    """Run the planned steps; returns their actions."""
    builder = await IndexBuilder.open(service.url, service.services.database.statements)
    try:
        steps = await planned_steps(service.services.database, min_rows)
        for step in steps:
            await builder.apply(step)
    finally:
        await builder.close()
    return [step.action for step in steps]


async def test_an_index_is_built_and_dropped_with_the_size_of_its_tenant(idle: Service) -> None:
    large = await make_corpus(idle, [random_vectors(60, seed) for seed in range(2)])
    await make_corpus(idle, [random_vectors(60, 9)])
    assert await take_all(idle, 100) == ["create"]
    assert await indexes(idle) == {f"chunk_vectors_hnsw_{UUID(large.tenant.id).hex}": True}
    assert await take_all(idle, 100) == []
    await large.tenant.delete(f"/documents/{large.document_ids[0]}")
    assert await take_all(idle, 100) == [], "with 60 of 100 it keeps it"
    assert await take_all(idle, 121) == ["drop"]
    assert await indexes(idle) == {}


async def test_the_index_of_a_deleted_tenant_is_dropped(idle: Service) -> None:
    corpus = await make_corpus(idle, [random_vectors(20, 1)])
    assert await take_all(idle, 10) == ["create"]
    async with direct_connection(idle) as connection:
        await connection.execute("delete from users where id = $1", UUID(corpus.tenant.id))
    assert await take_all(idle, 10) == ["drop"]
    assert await indexes(idle) == {}


async def test_only_one_session_changes_indexes(idle: Service) -> None:
    statements = idle.services.database.statements
    builder = await IndexBuilder.open(idle.url, statements)
    with pytest.raises(ConflictError, match="another session"):
        await IndexBuilder.open(idle.url, statements)
    await builder.close()


async def test_a_worker_can_change_the_indexes(idle: Service) -> None:
    await make_corpus(idle, [random_vectors(30, 2)])
    keeper = Background().keep(partial(index_turn, idle.services.database, idle.url, 10, 0.05), name="indexes")
    try:
        for _ in range(400):
            if not await planned_steps(idle.services.database, 10):
                break
            await asyncio.sleep(0.05)
        assert list((await indexes(idle)).values()) == [True]
    finally:
        await keeper.stop()
