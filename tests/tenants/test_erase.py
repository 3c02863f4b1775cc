"""After an erasure, no table of the database contains the id, regardless of concurrent work."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from svc import batches
from svc.database.queries import Database
from svc.errors import LeaseLostError
from svc.ingest.chunk import TextChunk
from svc.ingest.queue import Queue
from svc.messages.queue import MessageQueue, Piece
from svc.search.index_plan import own_index_name, planned_steps
from svc.search.own_indexes import IndexBuilder
from svc.tenants import erase
from svc.tenants.erase import erase_user
from tests.conftest import Service, running_service, test_settings
from tests.database.conftest import make_document, make_user, until
from tests.routes.answers import ok, problem
from tests.routes.endpoints import ids_of
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of
from tests.tenants.made_up import id_of, make_large_user
from tests.tenants.stored import mentions


async def test_no_table_contains_the_id_after_an_erasure(service: Service) -> None:
    """The catalogs of the database are used to search every column of every table and every name."""
    tenant, other = await new_tenant(service), await new_tenant(service)
    ids, others = await ids_of(tenant), await ids_of(other)
    path = f"/conversations/{ids['conversation_id']}/messages"
    once = {"Idempotency-Key": "key-1"}
    ok(await tenant.post(path, json={"role": "user", "content": "Hello"}, headers=once), 201)
    await tenant.embedded(ids["conversation_id"])
    before = await rows_of(service, tenant.id)
    kept = await rows_of(service, other.id)
    async with direct_connection(service) as connection:
        found = await mentions(connection, UUID(tenant.id))
        assert {f"public.{table}" for table in before} <= found.keys()

        answer = ok(await tenant.delete(f"/users/{tenant.id}"))

        assert await mentions(connection, UUID(tenant.id)) == {}
    assert answer["id"] == tenant.id
    assert answer["index_left"] is None
    # Tables that the server itself writes.
    growing = {"usage_days", "term_samples", "term_stats"}
    assert {table: count for table, count in answer["rows"].items() if count and table not in growing} == {
        **{table: count for table, count in before.items() if table not in growing}, "users": 1,
    }  # fmt: skip
    empty = {table for table, count in answer["rows"].items() if not count}
    uploads = {"file_parts", "uploads", "upload_parts", "upload_bytes"}
    assert empty - growing == {"ingestion_jobs", "message_jobs", "term_jobs"} | uploads
    problem(await tenant.get("/me"), 401)
    problem(await service.call("DELETE", f"/users/{tenant.id}"), 404)
    assert {*await rows_of(service, other.id)} - {"term_samples", "term_stats"} == {*kept} - {
        "term_samples",
        "term_stats",
    }
    assert ok(await other.get(f"/documents/{others['document_id']}"))["status"] == "ready"


# --- requests in progress


@pytest.mark.parametrize("what", ["upload", "append", "conversation", "key"])
async def test_an_erasure_waits_for_running_work_and_deletes_its_rows(
    database: Database, observer: Any, what: str
) -> None:
    user_id = await make_user(database)
    await make_document(database, user_id)
    conversation_id = await _converse(database, user_id)
    async with database.transaction() as transaction:
        if what == "upload":
            await make_document(transaction, user_id, "late.txt")
        elif what == "append":
            await _append(transaction, user_id, conversation_id)
        elif what == "conversation":
            await _converse(transaction, user_id)
        else:
            await transaction.one(
                "keys/create",
                user_id=user_id,
                name=None,
                prefix="cab",
                key_hash=b"k" * 32,
                expires_at=None,
                scopes=["read", "write"],
            )
        erasing = asyncio.create_task(erase_user(database, user_id))
        await until(lambda: _waits(observer))
        assert not erasing.done()
    erased = await erasing
    assert erased is not None
    assert await mentions(observer, user_id) == {}
    assert erased.rows["ingestion_jobs"] == (2 if what == "upload" else 1)
    assert erased.rows["message_jobs"] == erased.rows["messages"] == (1 if what == "append" else 0)


async def test_later_requests_find_no_user(database: Database, observer: Any) -> None:
    """An upload and an append begin while the erasure holds all locks."""
    user_id = await make_user(database)
    conversation_id = await _converse(database, user_id)
    async with database.transaction() as transaction:
        await transaction.one("users/hold", user_id=user_id, max_rows=100)
        coming = [
            asyncio.create_task(make_document(database, user_id, "late.txt")),
            asyncio.create_task(_append(database, user_id, conversation_id)),
        ]
        await asyncio.sleep(0.3)
        await transaction.one("users/delete", user_id=user_id)
    await asyncio.gather(*coming, return_exceptions=True)
    assert await mentions(observer, user_id) == {}


async def test_a_worker_that_holds_a_lease_changes_nothing(database: Database, observer: Any) -> None:
    user_id = await make_user(database)
    await make_document(database, user_id)
    queue, messages = Queue(database, "test", 60), MessageQueue(database, "test", 60)
    job = await queue.claim()
    assert job is not None
    assert await queue.start(job) is not None
    conversation_id = await _converse(database, user_id)
    await _append(database, user_id, conversation_id)
    message_job = await messages.claim()
    assert message_job is not None
    (pending,) = await messages.pending(message_job, 0)

    await erase_user(database, user_id)

    vectors = np.ones((1, 256), dtype=np.float16)
    for late in (
        queue.heartbeat(job, 0.5),
        queue.store(job, [TextChunk("text", 1, {})], vectors),
        messages.renew(message_job),
        messages.store(message_job, [Piece(pending, 0, "text", 1)], vectors),
    ):
        with pytest.raises(LeaseLostError):
            await late
    await queue.fail(job, "too late")
    await queue.postpone(job, 1.0, "too late")
    await queue.release(job)
    await messages.drop(message_job)
    assert await mentions(observer, user_id) == {}


async def _converse(queries: Any, user_id: UUID) -> UUID:
    row = await queries.one(
        "conversations/create",
        user_id=user_id,
        title=None,
        document_ids=[],
        metadata={},
        expires_at=None,
    )
    return UUID(str(row["id"]))


async def _append(queries: Any, user_id: UUID, conversation_id: UUID) -> None:
    await queries.many(
        "messages/append", user_id=user_id, conversation_id=conversation_id, roles=["user"], contents=["late"],
        token_counts=[1], source_messages=[], source_chunks=[], embed=True, details=[],
    )  # fmt: skip


async def _waits(observer: Any) -> bool:
    # A transaction keeps its first snapshot of the sessions until it clears the snapshot.
    await observer.execute("select pg_stat_clear_snapshot()")
    return bool(
        await observer.fetchval(
            "select exists (select from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock')"
        )
    )


async def _has_ended(observer: Any) -> bool:
    return not await _waits(observer)


# --- large tenants


@pytest.mark.parametrize("messages_at_once", [20, 3], ids=["some conversations", "a part of one"])
async def test_a_large_tenant_is_erased_in_parts(
    database: Database, observer: Any, monkeypatch: pytest.MonkeyPatch, messages_at_once: int
) -> None:
    monkeypatch.setattr(batches, "ERASED_PARTS", 20)
    monkeypatch.setattr(batches, "SWEPT_ROWS", 4)
    monkeypatch.setattr(batches, "ERASED_MESSAGES", messages_at_once)
    user_id = await make_large_user(database, documents=11, chunks_each=6, conversations=9, messages_each=5)
    other = await make_large_user(database, documents=3, chunks_each=1, conversations=1, messages_each=1, seed=8)
    others = await mentions(observer, other)

    erased = await erase_user(database, user_id)

    assert erased is not None
    assert {table: count for table, count in erased.rows.items() if count} == {
        "users": 1, "api_keys": 1, "tenant_totals": 1, "documents": 11, "document_contents": 11, "chunks": 66,
        "chunk_vectors": 66, "conversations": 9, "messages": 45, "message_vectors": 45, "chunk_terms": 66,
        "message_terms": 45, "file_parts": 9,
    }  # fmt: skip
    assert await mentions(observer, user_id) == {}
    assert await mentions(observer, other) == others


async def test_collections_are_erased_in_parts(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with too many collections for one statement, and a reader, are erased by the route."""
    monkeypatch.setattr(erase, "_OWNERS_AT_ONCE", 2)
    owner, reader = await new_tenant(service), await new_tenant(service)
    document = (await owner.ready_document("tide.txt", "The tide."))["id"]
    for _ in range(3):
        path = f"/collections/{ok(await owner.post('/collections', json={}), 201)['id']}"
        ok(await owner.post(f"{path}/batches", json={"files": [{"document_id": document}]}), 201)
        ok(await service.call("PUT", f"{path}/readers/{reader.id}", owner.key))
    erased = ok(await service.call("DELETE", f"/users/{owner.id}"))["rows"]
    tables = ("collections", "collection_files", "file_batches", "collection_readers")
    assert {erased[table] for table in tables} == {3}
    async with direct_connection(service) as connection:
        assert await mentions(connection, UUID(owner.id)) == {}
        ok(await service.call("DELETE", f"/users/{reader.id}"))
        assert await mentions(connection, UUID(reader.id)) == {}


async def test_an_interrupted_erasure_can_be_continued(
    database: Database, observer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erase, "_OWNERS_AT_ONCE", 3)
    user_id = await make_large_user(database, documents=10, chunks_each=2, conversations=5, messages_each=1)
    async with observer.transaction():
        # The third part waits for this lock, and is cancelled.
        await observer.execute("select from documents where id = $1 for update", id_of(1, 6))
        erasing = asyncio.create_task(erase_user(database, user_id))
        await until(lambda: _waits(observer))
        erasing.cancel()
        await asyncio.wait([erasing])
        assert erasing.cancelled()
        # The pool cancels the statement in a separate task.
        await until(lambda: _has_ended(observer))
    assert await observer.fetchval("select count(*) from documents") == 4
    # The next sweep erases the remaining rows of the deleted documents; the totals do not count them.
    assert await observer.fetchval("select count(*) from chunks") == 20
    totals = await observer.fetchrow("select document_count, chunk_count from tenant_totals")
    assert tuple(totals) == (4, 8)
    erased = await erase_user(database, user_id)
    assert erased is not None
    assert (erased.rows["documents"], erased.rows["chunks"]) == (4, 20)
    assert await mentions(observer, user_id) == {}


# --- an index of one's own


async def test_an_erasure_drops_the_index_of_a_large_tenant(database_url: str) -> None:
    async with running_service(test_settings(worker_concurrency=0), database_url) as service:
        tenant = await _indexed(service)
        async with direct_connection(service) as connection:
            assert (await mentions(connection, UUID(tenant.id)))["pg_class"] == 1
            answer = ok(await service.call("DELETE", f"/users/{tenant.id}"))
            assert answer["index_left"] is None
            assert await mentions(connection, UUID(tenant.id)) == {}


async def test_an_index_that_cannot_be_dropped_is_named(database_url: str) -> None:
    """Another session is changing indexes; the next plan drops the remaining index."""
    async with running_service(test_settings(worker_concurrency=0), database_url) as service:
        tenant = await _indexed(service)
        builder = await IndexBuilder.open(service.url, service.services.database.statements)
        try:
            answer = ok(await service.call("DELETE", f"/users/{tenant.id}"))
        finally:
            await builder.close()
        name = own_index_name(UUID(tenant.id))
        assert answer["index_left"] == name
        (step,) = await planned_steps(service.services.database, 1)
        assert (step.action, step.index_name, step.reason) == ("drop", name, "its tenant was erased")


async def _indexed(service: Service) -> Tenant:
    """A tenant with an own index."""
    user_id = await make_large_user(
        service.services.database, documents=2, chunks_each=10, conversations=0, messages_each=0
    )
    builder = await IndexBuilder.open(service.url, service.services.database.statements)
    try:
        for step in await planned_steps(service.services.database, 1):
            await builder.apply(step)
    finally:
        await builder.close()
    return Tenant(service, str(user_id), "")
