"""A document that is too large for immediate erasure: invisible for every reader, and erased in batches by the
sweep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import pytest_asyncio
from pgvector import HalfVector

from svc import batches
from svc.database.queries import Database
from svc.errors import CabinetError
from svc.ingest.chunk import TextChunk
from svc.ingest.queue import Queue
from svc.jobs import sweep
from svc.vectors.signatures import signatures
from tests.conftest import Service
from tests.database.conftest import until
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of

NAME = "large.txt"
WAYS = ["delete", "delete many", "expire", "replace"]
CHUNK_COUNT = 7
TABLES = ("documents", "document_contents", "chunks", "chunk_vectors", "chunk_terms")


@pytest_asyncio.fixture
async def small_batches(idle: Service, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """A service where a document of more than two chunks is too large, and a batch is three rows."""
    monkeypatch.setattr(batches, "ERASED_PARTS", 2)
    monkeypatch.setattr(batches, "SWEPT_ROWS", 3)
    monkeypatch.setattr(batches, "SWEPT_FILE_PARTS", 1)
    yield idle


async def stored(
    tenant: Tenant, filename: str, chunk_count: int, on_conflict: str = "new", *, is_near: bool = False
) -> str:
    """Upload a text and store chunks for it like a worker; returns the document's id. `is_near`: `found` searches for
    them."""
    body = {"filename": filename, "content": "text", "on_conflict": on_conflict}
    document_id = str(ok(await tenant.post("/documents", json=body), 202)["id"])
    queue = Queue(tenant.service.services.database, "test", 60)
    job = await queue.claim()
    assert job is not None
    assert await queue.start(job) is not None
    chunks = [TextChunk(f"{filename} {number}", 2, {}) for number in range(chunk_count)]
    vectors = np.ones((chunk_count, 256), dtype=np.float16)
    if not is_near:
        vectors[:, ::3] = -1
    await queue.store(job, chunks, vectors)
    return document_id


async def remove(way: str, tenant: Tenant, document_id: str) -> list[str]:
    """Remove a document in one of the ways; returns the ids of its replacements."""
    if way == "delete":
        done(await tenant.delete(f"/documents/{document_id}"))
    elif way == "delete many":
        assert ok(await tenant.post("/documents/delete", json={"document_ids": [document_id]}))["deleted"] == 1
    elif way == "expire":
        async with direct_connection(tenant.service) as connection:
            await connection.execute("update documents set expires_at = now() where id = $1", UUID(document_id))
        assert await sweep.sweep_documents(tenant.service.services.database) == 1
    else:
        return [await stored(tenant, NAME, 1, "replace")]
    return []


async def found(tenant: Tenant) -> set[str]:
    """The documents of which any lane finds a chunk. Each lane is asked for the counted number, and finds all: chunks
    that are being erased, although nearer to the query, displace no others."""
    database, user_id = tenant.service.services.database, UUID(tenant.id)
    vector = np.ones((1, 256), dtype=np.float16)
    _, chunks, _ = await totals(tenant)
    query: dict[str, Any] = {"user_id": user_id, "embedding": HalfVector(vector[0]), "max_rows": chunks}
    bits: dict[str, Any] = {"signature": signatures(vector)[0], "candidates": chunks}
    no_filters: dict[str, Any] = dict.fromkeys(("document_ids", "filters", "collection_ids", "attributes", "threshold"))
    lanes = [
        await database.many_by_name("search/exact", {**query, **no_filters, "metric": "cosine"}),
        await database.many_by_name("search/bits", {**query, **bits, **no_filters}),
        await database.many_by_name("search/index", {**query, **bits}),
        await database.many_by_name("search/index_filtered", {**query, **bits, **no_filters, "index_min_rows": 1}),
    ]
    assert [len(rows) for rows in lanes] == [chunks] * 4
    results = ok(await tenant.post("/search", json={"query": "text", "limit": 100}))["results"]
    return {str(row["document_id"]) for rows in lanes for row in rows} | {row["document_id"] for row in results}


async def totals(tenant: Tenant) -> tuple[int, int, int]:
    """The counted documents, chunks and bytes."""
    async with direct_connection(tenant.service) as connection:
        query = "select document_count, chunk_count, byte_count from tenant_totals where user_id = $1"
        documents, chunks, size = await connection.fetchrow(query, UUID(tenant.id))
    return documents, chunks, size


async def left(tenant: Tenant) -> dict[str, int]:
    """The number of rows of the documents in each table."""
    rows = await rows_of(tenant.service, tenant.id)
    return {table: rows.get(table, 0) for table in TABLES}


@pytest.mark.parametrize("way", WAYS)
async def test_a_large_document_is_gone_at_once_and_erased_in_batches(small_batches: Service, way: str) -> None:
    service, database = small_batches, small_batches.services.database
    tenant = await new_tenant(service)
    kept = await stored(tenant, "kept.txt", 2)
    large = await stored(tenant, NAME, CHUNK_COUNT, is_near=True)
    chunk = (await tenant.chunks(large))[0]["id"]
    conversation = await tenant.conversation(document_ids=[large, kept])
    path = f"/conversations/{conversation['id']}"
    cites = {"role": "user", "content": "hello", "sources": [chunk]}
    ok(await tenant.post(f"{path}/messages", json=cites), 201)

    new = await remove(way, tenant, large)

    # It is invisible, although its rows still exist.
    expected = {kept, *new}
    after = {
        "documents": len(expected), "document_contents": len(expected) + 1, "chunks": CHUNK_COUNT + 2 + len(new),
        "chunk_vectors": CHUNK_COUNT + 2 + len(new), "chunk_terms": CHUNK_COUNT + 2 + len(new),
    }  # fmt: skip
    assert await left(tenant) == after
    for part in ("", "/content", "/chunks"):
        problem(await tenant.get(f"/documents/{large}{part}"), 404)
    assert {document["id"] for document in ok(await tenant.get("/documents"))["data"]} == expected
    assert await found(tenant) == expected
    assert await totals(tenant) == (len(expected), 2 + len(new), 4 * len(expected))
    assert set(ok(await tenant.get(path))["document_ids"]) == expected
    problem(await tenant.post(f"{path}/messages", json=cites), 422)
    (source,) = ok(await tenant.get(f"{path}/context", params={"token_budget": 100}))["data"][0]["sources"]
    assert source["state"] == "deleted"
    problem(await tenant.post("/conversations", json={"document_ids": [large]}), 422, "document_ids")
    # The message that cites the first chunk keeps its text; no other text of the document is exported.
    exported = (await tenant.get("/me/export")).text
    assert f"{NAME} 1" not in exported
    assert exported.count(large) == 1
    assert not await database.many("doctor/wrong_chunk_totals", user_ids=[UUID(tenant.id)], max_rows=10)

    # Each step deletes three rows of a table; the last step deletes the rest with the bytes.
    rows = await left(tenant)
    for number in range(1, 4):
        one = await database.one(
            "documents/erase_left_over", user_id=UUID(tenant.id), document_id=UUID(large), max_rows=3, max_parts=3
        )
        assert one is not None
        gone = min(3, CHUNK_COUNT - 3 * (number - 1))
        assert (one.chunks, one.chunk_vectors, one.chunk_terms, one.document_contents) == (
            gone,
            gone,
            gone,
            number == 3,
        )
        rows["chunks"] -= gone
        rows["chunk_vectors"] -= gone
        rows["chunk_terms"] -= gone
        rows["document_contents"] -= int(number == 3)
        assert await left(tenant) == rows
        assert await found(tenant) == expected
        assert not await database.many("doctor/wrong_chunk_totals", user_ids=[UUID(tenant.id)], max_rows=10)
    assert rows["document_contents"] == len(expected)
    assert await database.many("documents/list_left_over", max_rows=10) == []


async def test_the_small_ones_of_many_documents_are_erased_immediately(small_batches: Service) -> None:
    tenant = await new_tenant(small_batches)
    ids = [await stored(tenant, f"{count}.txt", count) for count in (1, 5, 1, 3)]
    assert ok(await tenant.post("/documents/delete", json={"document_ids": ids}))["deleted"] == 4
    assert await left(tenant) == {
        "documents": 0,
        "document_contents": 2,
        "chunks": 8,
        "chunk_vectors": 8,
        "chunk_terms": 8,
    }
    assert await totals(tenant) == (0, 0, 0)
    assert await sweep.sweep_left_over(small_batches.services.database) == 2
    assert await left(tenant) == dict.fromkeys(TABLES, 0)


async def test_all_older_documents_of_a_name_are_replaced_some_at_a_time(
    small_batches: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "REPLACED_DOCUMENTS", 2)
    tenant = await new_tenant(small_batches)
    for count in (1, 5, 1, 3):
        await stored(tenant, NAME, count)
    new = await stored(tenant, NAME, 2, "replace")
    assert await found(tenant) == {new}
    assert await totals(tenant) == (1, 2, 4)
    await sweep.sweep_left_over(small_batches.services.database)
    assert await left(tenant) == {
        "documents": 1,
        "document_contents": 1,
        "chunks": 2,
        "chunk_vectors": 2,
        "chunk_terms": 2,
    }


async def test_a_file_that_was_removed_can_come_again(small_batches: Service) -> None:
    """This also applies to `skip`: a document that is being erased is not an existing document."""
    tenant = await new_tenant(small_batches)
    large = await stored(tenant, NAME, CHUNK_COUNT, is_near=True)
    done(await tenant.delete(f"/documents/{large}"))
    again = await stored(tenant, NAME, CHUNK_COUNT, "skip")
    await sweep.sweep_left_over(small_batches.services.database)
    assert await found(tenant) == {again}
    assert await totals(tenant) == (1, CHUNK_COUNT, 4)


async def test_a_sweep_that_is_killed_is_gone_on_with(small_batches: Service) -> None:
    """The server ends its session in the middle of a batch: earlier batches persist, and the next sweep continues."""
    service, database = small_batches, small_batches.services.database
    tenant = await new_tenant(service)
    kept = await stored(tenant, "kept.txt", 2)
    large = await stored(tenant, NAME, CHUNK_COUNT, is_near=True)
    done(await tenant.delete(f"/documents/{large}"))
    async with direct_connection(service) as holder, direct_connection(service) as observer, holder.transaction():
        # The second batch waits for this row.
        await holder.execute("select from chunks where document_id = $1 and chunk_index = 4 for update", UUID(large))
        sweeping = asyncio.create_task(sweep.sweep_left_over(database))
        killed = "select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'"
        await until(lambda: observer.fetchval(f"{killed} and datname = current_database()"))
        with pytest.raises(CabinetError):
            await sweeping
    assert (await left(tenant))["chunks"] == CHUNK_COUNT - 3 + 2
    assert await found(tenant) == {kept}
    assert await sweep.sweep_left_over(database) == 1
    assert await left(tenant) == {
        "documents": 1,
        "document_contents": 1,
        "chunks": 2,
        "chunk_vectors": 2,
        "chunk_terms": 2,
    }


async def test_two_sweeps_at_once_erase_no_more_than_a_batch_a_statement(small_batches: Service) -> None:
    """A sweep does not stop when another sweep has erased its batch meanwhile."""
    service, database = small_batches, small_batches.services.database
    tenant = await new_tenant(service)
    large = await stored(tenant, NAME, 40)
    done(await tenant.delete(f"/documents/{large}"))
    most: list[int] = []
    one = Database.one_by_name

    async def noting(self: Database, name: str, arguments: Mapping[str, Any]) -> Any:
        row = await one(self, name, arguments)
        if row is not None and name == "documents/erase_left_over":
            most.append(row["chunks"])
        return row

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "one_by_name", noting)
        await asyncio.gather(*(sweep.sweep_left_over(database) for _ in range(3)))
    while await sweep.sweep_left_over(database):
        pass
    assert max(most) <= batches.SWEPT_ROWS
    assert await left(tenant) == dict.fromkeys(TABLES, 0)
