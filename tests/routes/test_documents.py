"""Stored documents. `test_uploads.py` tests their uploads."""

from __future__ import annotations

import asyncio
import base64
import random
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from svc.database.queries import Database
from svc.errors import LeaseLostError
from svc.ingest.queue import Queue
from tests.conftest import Service
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_left, rows_of
from tests.routes.workers import CHUNKS, VECTORS, PausedDatabase, begun

DOCUMENT_FIELDS = {
    "id", "filename", "file_type", "file_size", "purpose", "status", "error", "attempt", "lease_expires_at", "progress",
    "chunk_count", "warnings", "metadata", "expires_at", "created_at", "updated_at",
}  # fmt: skip
CHUNK_FIELDS = {"id", "document_id", "chunk_index", "content", "token_count", "metadata", "created_at"}
SENTENCES = " ".join(f"Sentence {number} speaks of subject {number * 7}." for number in range(120))
# These bytes are detected as text, but contain none.
NO_TEXT = " \n\t \n"


async def test_a_document_becomes_ready(tenant: Tenant) -> None:
    uploaded = await tenant.upload("notes.txt", SENTENCES, topic="numbers")
    assert uploaded.keys() == DOCUMENT_FIELDS
    assert (uploaded["status"], uploaded["error"], uploaded["chunk_count"]) == ("processing", None, 0)
    assert (uploaded["file_type"], uploaded["file_size"]) == ("text", len(SENTENCES))
    document = await tenant.ended(uploaded["id"])
    assert (document["status"], document["error"], document["progress"]) == ("ready", None, 1.0)
    assert document["chunk_count"] > 5
    assert document["attempt"] == 1
    assert document["lease_expires_at"] is None
    assert document["warnings"] == []
    assert document["metadata"] == {"topic": "numbers"}


async def test_a_document_says_what_was_not_read(tenant: Tenant) -> None:
    image = base64.b64encode(random.Random(1).randbytes(3000)).decode()
    document = await tenant.ready_document("plan.md", f"# Plan\n\n![map](data:image/png;base64,{image})")
    assert document["warnings"] == ["1 embedded image in base64, of 3 kB, on line 3, was omitted."]
    assert ok(await tenant.get("/documents"))["data"][0]["warnings"] == document["warnings"]


async def test_the_chunks_contain_the_text_in_order(tenant: Tenant) -> None:
    document = await tenant.ready_document("notes.txt", SENTENCES)
    chunks = await tenant.chunks(document["id"])
    assert [chunk["chunk_index"] for chunk in chunks] == list(range(document["chunk_count"]))
    assert all(chunk.keys() == CHUNK_FIELDS for chunk in chunks)
    assert {chunk["document_id"] for chunk in chunks} == {document["id"]}
    assert all(0 < chunk["token_count"] <= tenant.service.services.settings.chunk_tokens for chunk in chunks)
    places = [SENTENCES.index(chunk["content"]) for chunk in chunks]
    assert places == sorted(places)
    assert all(f"Sentence {n} " in " ".join(chunk["content"] for chunk in chunks) for n in range(120))


async def test_chunks_of_a_document_without_any_are_an_empty_list(idle: Service) -> None:
    tenant = await new_tenant(idle)
    waiting = await tenant.upload("a.txt", "a")
    assert ok(await tenant.get(f"/documents/{waiting['id']}/chunks")) == {"data": [], "next": None}
    problem(await tenant.get(f"/documents/{uuid4()}/chunks"), 404)


async def test_the_list_is_newest_first_and_by_status(tenant: Tenant) -> None:
    first = await tenant.ready_document("1.txt", "One.")
    failed = await tenant.ended((await tenant.upload("2.txt", NO_TEXT))["id"])
    last = await tenant.ready_document("3.txt", "Three.")
    assert failed["status"] == "error"
    listed = ok(await tenant.get("/documents"))
    assert listed["data"] == [last, failed, first]
    by_status = {
        status: [document["id"] for document in ok(await tenant.get("/documents", params={"status": status}))["data"]]
        for status in ("processing", "ready", "error")
    }
    assert by_status == {"processing": [], "ready": [last["id"], first["id"]], "error": [failed["id"]]}
    problem(await tenant.get("/documents", params={"status": "lost"}), 422, "status")
    problem(await tenant.get("/documents", params={"state": "ready"}), 422, "state")


async def test_a_change_keeps_omitted_fields(tenant: Tenant) -> None:
    document = await tenant.ready_document("old.txt", "A text.", topic="old", pages=[1, 2])
    path = f"/documents/{document['id']}"
    changes: list[dict[str, Any]] = [
        {"filename": "new ünïcode \"name\".txt"}, {"metadata": {"topic": {"deep": [None, 1.5]}}}, {"metadata": {}}, {},
    ]  # fmt: skip
    for change in changes:
        changed = ok(await tenant.patch(path, json=change))
        assert changed == {**document, **change, "updated_at": changed["updated_at"]}
        assert changed["updated_at"] > document["updated_at"]
        assert ok(await tenant.get(path)) == changed
        document = changed


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"filename": ""}, "filename"),
    ({"filename": None}, "filename"),
    ({"filename": "f" * 256}, "filename"),
    ({"filename": "nul\x00.txt"}, "filename"),
    ({"filename": 1}, "filename"),
    ({"metadata": None}, "metadata"),
    ({"metadata": [1]}, "metadata"),
    ({"metadata": {"a": {"b": ["\x00"]}}}, "metadata.a.b[0]"),
    ({"metadata": {"a": 2**64}}, "metadata.a"),
    ({"metadata": {"a": "x" * 17_000}}, "metadata"),
    ({"status": "ready"}, "status"),
    ({"content": "another text"}, "content"),
]


@pytest.mark.parametrize(("change", "field"), WRONG, ids=[f"{field}-{n}" for n, (_, field) in enumerate(WRONG)])
async def test_a_wrong_field_of_a_change_is_named(tenant: Tenant, change: dict[str, Any], field: str) -> None:
    document = await tenant.upload("a.txt", "A text.", kept=True)
    problem(await tenant.patch(f"/documents/{document['id']}", json=change), 422, field)
    after = ok(await tenant.get(f"/documents/{document['id']}"))
    assert (after["filename"], after["metadata"]) == ("a.txt", {"kept": True})


async def test_only_a_failed_document_can_be_retried(tenant: Tenant) -> None:
    ready = await tenant.ready_document("a.txt", "A text.")
    detail = problem(await tenant.post(f"/documents/{ready['id']}/retry"), 409)["detail"]
    assert "ready" in detail
    assert ok(await tenant.get(f"/documents/{ready['id']}")) == ready
    problem(await tenant.post(f"/documents/{uuid4()}/retry"), 404)


async def test_a_document_in_progress_cannot_be_retried(idle: Service) -> None:
    tenant = await new_tenant(idle)
    waiting = await tenant.upload("a.txt", "a")
    detail = problem(await tenant.post(f"/documents/{waiting['id']}/retry"), 409)["detail"]
    assert "processing" in detail


async def test_a_failed_document_gives_the_reason_and_can_be_retried(tenant: Tenant) -> None:
    document = await tenant.ended((await tenant.upload("a.txt", NO_TEXT))["id"])
    assert document["status"] == "error"
    assert "no text" in document["error"].lower()
    again = ok(await tenant.post(f"/documents/{document['id']}/retry"), 202)
    assert (again["status"], again["error"], again["progress"]) == ("processing", None, 0)
    document = await tenant.ended(document["id"])
    assert (document["status"], document["attempt"]) == ("error", 2)
    async with direct_connection(tenant.service) as connection:
        await connection.execute(
            "update document_contents set content = 'Now there is some.' where document_id = $1", UUID(document["id"])
        )
    ok(await tenant.post(f"/documents/{document['id']}/retry"), 202)
    document = await tenant.ended(document["id"])
    assert (document["status"], document["error"], document["attempt"]) == ("ready", None, 3)
    assert [chunk["content"] for chunk in await tenant.chunks(document["id"])] == ["Now there is some."]


async def test_deleting_a_document_leaves_nothing_of_it(tenant: Tenant) -> None:
    kept = await tenant.ready_document("kept.txt", "This stays.")
    before = await rows_left(tenant.service, tenant.id)
    gone = await tenant.ready_document("gone.txt", SENTENCES)
    conversation = await tenant.conversation(document_ids=[kept["id"], gone["id"]])
    async with direct_connection(tenant.service) as connection:
        counted = "select chunk_count from tenant_totals where user_id = $1"
        assert await connection.fetchval(counted, UUID(tenant.id)) == 1 + gone["chunk_count"]

        done(await tenant.delete(f"/documents/{gone['id']}"))

        assert await connection.fetchval(counted, UUID(tenant.id)) == 1
    assert await rows_left(tenant.service, tenant.id) == {**before, "conversations": 1, "conversation_documents": 1}
    assert ok(await tenant.get(f"/conversations/{conversation['id']}"))["document_ids"] == [kept["id"]]
    for path in ("", "/content", "/chunks"):
        problem(await tenant.get(f"/documents/{gone['id']}{path}"), 404)
    problem(await tenant.delete(f"/documents/{gone['id']}"), 404)
    found = ok(await tenant.post("/search", json={"query": "subject", "limit": 100}))["results"]
    assert {result["document_id"] for result in found} == {kept["id"]}


async def test_a_document_deleted_before_it_is_stored_stays_deleted(idle: Service) -> None:
    tenant = await new_tenant(idle)
    document = await tenant.upload("a.txt", "a")
    job = await begun(idle)
    done(await tenant.delete(f"/documents/{document['id']}"))
    queue = Queue(idle.services.database, "test", 60)
    with pytest.raises(LeaseLostError):
        await queue.heartbeat(job, 0.5)
    with pytest.raises(LeaseLostError):
        await queue.store(job, CHUNKS, VECTORS)
    assert await rows_left(idle, tenant.id) == {"api_keys": 1}


async def deleted_while_stored(tenant: Tenant) -> int:
    """Delete a document that a worker has stored but not committed. Returns the tenant's count of chunks afterwards."""
    service = tenant.service
    document = await tenant.upload("a.txt", "a")
    paused = PausedDatabase(service.services.database)
    queue = Queue(cast(Database, paused), "test", 60)
    storing = asyncio.create_task(queue.store(await begun(service), CHUNKS, VECTORS))
    await paused.stored.wait()
    deleting = asyncio.create_task(tenant.delete(f"/documents/{document['id']}"))
    await asyncio.sleep(0.2)
    assert not deleting.done(), "the delete must wait for the lock"
    paused.may_commit.set()
    await storing
    done(await deleting)
    async with direct_connection(service) as connection:
        counted: int | None = await connection.fetchval("select chunk_count from tenant_totals")
    return counted or 0


async def test_a_first_document_deleted_while_it_is_stored_is_not_counted(idle: Service) -> None:
    tenant = await new_tenant(idle)
    counted = await deleted_while_stored(tenant)
    assert await rows_left(idle, tenant.id) == {"api_keys": 1}
    assert counted == 0


async def test_a_later_document_deleted_while_it_is_stored_leaves_nothing(idle: Service) -> None:
    """The delete waits for the worker's transaction, and then deletes the rows that it wrote."""
    tenant = await new_tenant(idle)
    await tenant.upload("earlier.txt", "a")
    await Queue(idle.services.database, "test", 60).store(await begun(idle), CHUNKS[:1], VECTORS[:1])
    before = await rows_left(idle, tenant.id)
    assert await deleted_while_stored(tenant) == 1
    assert await rows_left(idle, tenant.id) == before


async def test_a_document_deleted_while_a_real_worker_has_it(tenant: Tenant) -> None:
    uploads = [await tenant.upload(f"{number}.txt", SENTENCES * 20) for number in range(3)]
    for upload, pause_s in zip(uploads, (0, 0.05, 0.15), strict=True):
        await asyncio.sleep(pause_s)
        done(await tenant.delete(f"/documents/{upload['id']}"))
    # The worker claims the next document only after it has finished these.
    last = await tenant.ready_document("last.txt", "The last one.")
    assert (await rows_of(tenant.service, tenant.id))["chunks"] == last["chunk_count"] == 1
    assert ok(await tenant.get("/documents"))["data"] == [last]
