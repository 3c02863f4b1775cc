"""Uploads with the name of an existing document: kept beside it, skipped, or replacing it."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from uuid import UUID

import httpx
import pytest

from svc.database.queries import Database
from svc.errors import LeaseLostError
from svc.ingest.job import Job
from svc.ingest.queue import Queue
from tests.conftest import Service
from tests.database.conftest import until
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of
from tests.routes.workers import CHUNKS, VECTORS, PausedDatabase

NAME = "report.txt"


async def send(tenant: Tenant, content: str, on_conflict: str, **options: Any) -> httpx.Response:
    """Upload a text with the common filename."""
    body = {"filename": NAME, "content": content, "on_conflict": on_conflict}
    return await tenant.post("/documents", json=body, **options)


async def uploaded(tenant: Tenant, content: str, on_conflict: str) -> str:
    """Upload a text with the common filename without waiting, and return its id."""
    return str(ok(await send(tenant, content, on_conflict), 202)["id"])


async def left(tenant: Tenant) -> set[str]:
    """Return the ids of the tenant's documents."""
    return {document["id"] for document in ok(await tenant.get("/documents", params={"limit": 100}))["data"]}


async def texts(tenant: Tenant) -> set[str]:
    """Return the texts that a search finds."""
    results = ok(await tenant.post("/search", json={"query": "version", "limit": 100}))["results"]
    return {result["content"] for result in results}


async def counts(tenant: Tenant) -> tuple[int, int]:
    """Return a tenant's counts of documents and chunks."""
    async with direct_connection(tenant.service) as connection:
        query = "select document_count, chunk_count from tenant_totals where user_id = $1"
        documents, chunks = await connection.fetchrow(query, UUID(tenant.id))
    return documents, chunks


# --- new and skip


async def test_by_default_documents_can_have_the_same_name(tenant: Tenant) -> None:
    first, second = await tenant.ready_document(NAME, "Same."), await tenant.ready_document(NAME, "Same.")
    third = await uploaded(tenant, "Same.", "new")
    assert len({first["id"], second["id"], third}) == 3
    problem(await send(tenant, "Same.", "overwrite"), 422, "on_conflict")


async def test_an_existing_document_is_skipped(tenant: Tenant, other: Tenant) -> None:
    await other.ready_document(NAME, "Version one.")
    first = ok(await send(tenant, "Version one.", "skip"), 202)
    assert (await tenant.ended(first["id"]))["status"] == "ready"
    again = ok(await send(tenant, "Version one.", "skip"))
    assert (again["id"], again["status"]) == (first["id"], "ready")
    # Another content, or another name, is another document.
    second = ok(await send(tenant, "Version two.", "skip"), 202)
    named = ok(
        await tenant.post("/documents", json={"filename": "b.txt", "content": "Version one.", "on_conflict": "skip"}),
        202,
    )
    assert await left(tenant) == {first["id"], second["id"], named["id"]}


async def test_an_existing_file_is_skipped(tenant: Tenant) -> None:
    first = await tenant.ready_document(NAME, "Version one.")
    answer = await tenant.post("/documents", files={"file": (NAME, b"Version one.")}, data={"on_conflict": "skip"})
    assert ok(answer)["id"] == first["id"]
    wrong = await tenant.post("/documents", files={"file": (NAME, b"Version one.")}, data={"on_conflict": "x"})
    problem(wrong, 422, "on_conflict")


async def test_a_failed_document_is_not_skipped(tenant: Tenant) -> None:
    failed = await tenant.ended(await uploaded(tenant, " \n", "new"))
    assert failed["status"] == "error"
    again = ok(await send(tenant, " \n", "skip"), 202)
    assert again["id"] != failed["id"]


async def test_one_of_many_concurrent_uploads_is_not_skipped(tenant: Tenant) -> None:
    answers = await asyncio.gather(*(send(tenant, "Version one.", "skip") for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [202]
    assert len({answer.json()["id"] for answer in answers}) == len(await left(tenant)) == 1


async def test_a_key_can_be_combined_with_skip(tenant: Tenant) -> None:
    first = await tenant.ready_document(NAME, "Version one.")
    for _ in range(2):
        headers = {"Idempotency-Key": "key"}
        answer = await send(tenant, "Version one.", "skip", headers=headers)
        assert answer.json()["id"] == first["id"]
    problem(await send(tenant, "Version one.", "new", headers=headers), 422, "Idempotency-Key")
    assert await left(tenant) == {first["id"]}


# --- replace


async def test_the_new_version_replaces_all_earlier_ones(tenant: Tenant) -> None:
    other_name = await tenant.ready_document("other.txt", "Another version.")
    old = [await tenant.ready_document(NAME, f"Version {number}.") for number in range(2)]
    failed = await tenant.ended(await uploaded(tenant, " \n", "new"))
    conversation = await tenant.conversation(document_ids=[old[0]["id"], other_name["id"]])

    new = await tenant.ended(await uploaded(tenant, "Version three.", "replace"))

    assert new["status"] == "ready"
    assert await left(tenant) == {new["id"], other_name["id"]}
    assert failed["id"] != new["id"]
    assert await texts(tenant) == {"Version three.", "Another version."}
    assert await counts(tenant) == (2, 2)
    rows = await rows_of(tenant.service, tenant.id)
    assert (rows["chunks"], rows["chunk_vectors"], rows["document_contents"]) == (2, 2, 2)
    # The conversation now refers to the new version.
    scope = ok(await tenant.get(f"/conversations/{conversation['id']}"))["document_ids"]
    assert scope == sorted([other_name["id"], new["id"]])


async def test_a_replacement_of_nothing_is_a_new_document(tenant: Tenant, other: Tenant) -> None:
    theirs = await other.ready_document(NAME, "Version one.")
    new = await tenant.ended(await uploaded(tenant, "Version two.", "replace"))
    assert new["status"] == "ready"
    assert await left(other) == {theirs["id"]}


async def test_a_failed_replacement_keeps_the_old_version(tenant: Tenant) -> None:
    old = await tenant.ready_document(NAME, "Version one.")
    new = await tenant.ended(await uploaded(tenant, " \n", "replace"))
    assert new["status"] == "error"
    assert await left(tenant) == {old["id"], new["id"]}
    assert await texts(tenant) == {"Version one."}
    # The replacement takes effect when a retry succeeds.
    async with direct_connection(tenant.service) as connection:
        await connection.execute(
            "update document_contents set content = 'Version two.' where document_id = $1", UUID(new["id"])
        )
    ok(await tenant.post(f"/documents/{new['id']}/retry"), 202)
    assert (await tenant.ended(new["id"]))["status"] == "ready"
    assert (await left(tenant), await texts(tenant)) == ({new["id"]}, {"Version two."})


async def test_a_key_can_be_combined_with_replace(tenant: Tenant) -> None:
    await tenant.ready_document(NAME, "Version one.")
    headers = {"Idempotency-Key": "key"}
    first, second = [ok(await send(tenant, "Version two.", "replace", headers=headers), 202) for _ in range(2)]
    assert first["id"] == second["id"]
    await tenant.ended(first["id"])
    assert await left(tenant) == {first["id"]}


async def jobs(service: Service, count: int) -> dict[str, Job]:
    """Claim and start the jobs in the queue as a worker would, and return them by document."""
    queue, begun = Queue(service.services.database, "test", 60), {}
    for _ in range(count):
        job = await queue.claim()
        assert job is not None
        assert await queue.start(job) is not None
        begun[str(job.document_id)] = job
    return begun


async def test_the_old_version_is_found_until_the_new_one_is_ready(idle: Service) -> None:
    tenant = await new_tenant(idle)
    queue = Queue(idle.services.database, "test", 60)
    old = await uploaded(tenant, "a", "new")
    await queue.store((await jobs(idle, 1))[old], CHUNKS[:1], VECTORS[:1])
    new = await uploaded(tenant, "b", "replace")
    job = (await jobs(idle, 1))[new]
    assert await texts(tenant) == {"chunk 0"}

    paused = PausedDatabase(idle.services.database)
    storing = asyncio.create_task(Queue(cast(Database, paused), "test", 60).store(job, CHUNKS[1:], VECTORS[1:]))
    await paused.stored.wait()
    # The work is done, but not yet committed.
    assert (await texts(tenant), await left(tenant)) == ({"chunk 0"}, {old, new})
    paused.may_commit.set()
    await storing

    assert (await texts(tenant), await left(tenant)) == ({"chunk 1", "chunk 2"}, {new})
    assert await counts(tenant) == (1, 2)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
async def test_the_last_uploaded_of_several_versions_stays(idle: Service, order: tuple[int, ...]) -> None:
    """The versions become ready in any order. An earlier version still in progress ends when a later one is ready."""
    tenant = await new_tenant(idle)
    versions = [await uploaded(tenant, f"Version {number}.", "replace") for number in range(3)]
    begun, queue = await jobs(idle, 3), Queue(idle.services.database, "test", 60)
    latest = -1
    for number in order:
        job = begun[versions[number]]
        if number < latest:
            with pytest.raises(LeaseLostError):
                await queue.store(job, CHUNKS, VECTORS)
        else:
            await queue.store(job, CHUNKS, VECTORS)
        latest = max(latest, number)
    assert await left(tenant) == {versions[2]}
    assert await counts(tenant) == (1, len(CHUNKS))
    assert not (await rows_of(idle, tenant.id)).keys() & {"ingestion_jobs"}


async def test_the_last_of_many_concurrent_versions_stays(tenant: Tenant) -> None:
    """Real workers run concurrently with deletions and retries of all documents, without deadlock."""
    answers = await asyncio.gather(*(send(tenant, f"Version {number}. " * 50, "replace") for number in range(10)))
    ids = sorted(ok(answer, 202)["id"] for answer in answers)
    ok(await tenant.post("/documents/delete", json={"document_ids": ids[:3]}))
    ok(await tenant.post("/documents/retry", json={"all": True}), 202)
    assert (await tenant.ended(ids[-1]))["status"] == "ready"
    assert await left(tenant) == {ids[-1]}
    documents, chunks = await counts(tenant)
    assert (documents, chunks) == (1, (await rows_of(tenant.service, tenant.id))["chunks"])


async def test_a_conversation_that_is_being_deleted_does_not_block_a_replacement(idle: Service) -> None:
    tenant = await new_tenant(idle)
    queue = Queue(idle.services.database, "test", 60)
    old = await uploaded(tenant, "a", "new")
    await queue.store((await jobs(idle, 1))[old], CHUNKS, VECTORS)
    conversation = await tenant.conversation(document_ids=[old])
    new = await uploaded(tenant, "b", "replace")
    job = (await jobs(idle, 1))[new]
    async with direct_connection(idle) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("delete from conversations where id = $1", UUID(conversation["id"]))
        storing = asyncio.create_task(queue.store(job, CHUNKS, VECTORS))
        await asyncio.sleep(0.2)
        await transaction.commit()
    await storing
    assert await left(tenant) == {new}


@pytest.mark.parametrize("comes_first", ["the replacement", "the change"])
async def test_a_change_of_the_documents_of_a_conversation_survives_a_concurrent_replacement(
    idle: Service, comes_first: str
) -> None:
    """Whichever starts first, the conversation refers only to the documents that its owner set."""
    tenant = await new_tenant(idle)
    database, tenant_id = idle.services.database, UUID(tenant.id)
    queue = Queue(database, "test", 60)
    old = await uploaded(tenant, "a", "new")
    await queue.store((await jobs(idle, 1))[old], CHUNKS, VECTORS)
    other_name = (await tenant.upload("other.txt", "text"))["id"]
    conversation = await tenant.conversation(document_ids=[old])
    path, conversation_id = f"/conversations/{conversation['id']}", UUID(conversation["id"])
    new = await uploaded(tenant, "b", "replace")
    job = (await jobs(idle, 2))[new]

    async with direct_connection(idle) as observer:
        if comes_first == "the replacement":
            paused = PausedDatabase(database)
            storing = asyncio.create_task(Queue(cast(Database, paused), "test", 60).store(job, CHUNKS, VECTORS))
            await paused.stored.wait()
            changing = asyncio.create_task(tenant.patch(path, json={"document_ids": [other_name]}))
            await until(lambda: waits(observer))
            paused.may_commit.set()
            ok(await changing)
        else:
            async with database.transaction() as transaction:
                await transaction.exec("conversations/hold", user_id=tenant_id, conversation_id=conversation_id)
                await transaction.one(
                    "conversations/update", user_id=tenant_id, conversation_id=conversation_id, set_title=False,
                    title=None, document_ids=[UUID(other_name)], metadata=None, set_expires_at=False, expires_at=None,
                )  # fmt: skip
                storing = asyncio.create_task(queue.store(job, CHUNKS, VECTORS))
                await until(lambda: waits(observer))
        await storing
    assert ok(await tenant.get(path))["document_ids"] == [other_name]
    assert await left(tenant) == {new, other_name}


async def waits(observer: Any) -> bool:
    """Return whether a statement waits for a lock in this database."""
    return bool(
        await observer.fetchval(
            "select exists (select from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock')"
        )
    )


async def test_a_transferred_replacement_replaces_nothing_of_the_new_owner(idle: Service) -> None:
    giver, receiver = await new_tenant(idle), await new_tenant(idle)
    theirs, own = await uploaded(receiver, "a", "new"), await uploaded(giver, "b", "new")
    new = await uploaded(giver, "c", "replace")
    body = {"document_ids": [new], "to_user": receiver.id}
    ok(await idle.call("POST", "/documents/transfer", json=body, headers={"Cabinet-User": giver.id}))
    begun, queue = await jobs(idle, 3), Queue(idle.services.database, "test", 60)
    for job in begun.values():
        await queue.store(job, CHUNKS, VECTORS)
    assert (await left(receiver), await left(giver)) == ({theirs, new}, {own})
    done(await receiver.delete(f"/documents/{new}"))
