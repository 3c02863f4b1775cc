"""A file that is uploaded again under its name: kept beside the others, skipped, or put in their place."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from uuid import UUID

import httpx
import pytest

from svc.database.queries import Database
from svc.errors import LeaseLostError
from svc.ingest.queue import Job, Queue
from tests.conftest import Service
from tests.database.conftest import until
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of
from tests.routes.workers import CHUNKS, VECTORS, PausedDatabase

NAME = "report.txt"


async def send(tenant: Tenant, content: str, on_conflict: str, **options: Any) -> httpx.Response:
    """Upload a text under the name."""
    body = {"filename": NAME, "content": content, "on_conflict": on_conflict}
    return await tenant.post("/documents", json=body, **options)


async def uploaded(tenant: Tenant, content: str, on_conflict: str) -> str:
    """Upload a text under the name and do not wait; its id."""
    return str(ok(await send(tenant, content, on_conflict), 202)["id"])


async def left(tenant: Tenant) -> set[str]:
    """The ids of the documents there are."""
    return {document["id"] for document in ok(await tenant.get("/documents", params={"limit": 100}))["data"]}


async def texts(tenant: Tenant) -> set[str]:
    """What a search finds."""
    results = ok(await tenant.post("/search", json={"query": "version", "limit": 100}))["results"]
    return {result["content"] for result in results}


async def counts(tenant: Tenant) -> tuple[int, int]:
    """The documents and chunks that are counted of a tenant."""
    async with direct_connection(tenant.service) as connection:
        query = "select document_count, chunk_count from tenant_totals where user_id = $1"
        documents, chunks = await connection.fetchrow(query, UUID(tenant.id))
    return documents, chunks


# --- new and skip


async def test_without_a_word_a_name_may_stand_twice(tenant: Tenant) -> None:
    first, second = await tenant.ready_document(NAME, "Same."), await tenant.ready_document(NAME, "Same.")
    third = await uploaded(tenant, "Same.", "new")
    assert len({first["id"], second["id"], third}) == 3
    problem(await send(tenant, "Same.", "overwrite"), 422, "on_conflict")


async def test_what_is_there_is_skipped(tenant: Tenant, other: Tenant) -> None:
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


async def test_a_file_is_skipped_as_a_text_is(tenant: Tenant) -> None:
    first = await tenant.ready_document(NAME, "Version one.")
    answer = await tenant.post("/documents", files={"file": (NAME, b"Version one.")}, data={"on_conflict": "skip"})
    assert ok(answer)["id"] == first["id"]
    wrong = await tenant.post("/documents", files={"file": (NAME, b"Version one.")}, data={"on_conflict": "x"})
    problem(wrong, 422, "on_conflict")


async def test_what_failed_is_not_skipped(tenant: Tenant) -> None:
    failed = await tenant.ended(await uploaded(tenant, " \n", "new"))
    assert failed["status"] == "error"
    again = ok(await send(tenant, " \n", "skip"), 202)
    assert again["id"] != failed["id"]


async def test_of_many_at_once_one_is_not_skipped(tenant: Tenant) -> None:
    answers = await asyncio.gather(*(send(tenant, "Version one.", "skip") for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [202]
    assert len({answer.json()["id"] for answer in answers}) == len(await left(tenant)) == 1


async def test_a_key_and_a_skip_go_together(tenant: Tenant) -> None:
    first = await tenant.ready_document(NAME, "Version one.")
    for _ in range(2):
        headers = {"Idempotency-Key": "key"}
        answer = await send(tenant, "Version one.", "skip", headers=headers)
        assert answer.json()["id"] == first["id"]
    problem(await send(tenant, "Version one.", "new", headers=headers), 422, "Idempotency-Key")
    assert await left(tenant) == {first["id"]}


# --- replace


async def test_the_new_version_takes_the_place_of_all_earlier_ones(tenant: Tenant) -> None:
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
    # What the conversation was about, it is about in its new version.
    scope = ok(await tenant.get(f"/conversations/{conversation['id']}"))["document_ids"]
    assert scope == sorted([other_name["id"], new["id"]])


async def test_where_there_is_nothing_to_replace_it_is_new(tenant: Tenant, other: Tenant) -> None:
    theirs = await other.ready_document(NAME, "Version one.")
    new = await tenant.ended(await uploaded(tenant, "Version two.", "replace"))
    assert new["status"] == "ready"
    assert await left(other) == {theirs["id"]}


async def test_a_replacement_that_fails_leaves_the_old_one(tenant: Tenant) -> None:
    old = await tenant.ready_document(NAME, "Version one.")
    new = await tenant.ended(await uploaded(tenant, " \n", "replace"))
    assert new["status"] == "error"
    assert await left(tenant) == {old["id"], new["id"]}
    assert await texts(tenant) == {"Version one."}
    # And takes its place when it succeeds after all.
    async with direct_connection(tenant.service) as connection:
        await connection.execute(
            "update document_contents set content = 'Version two.' where document_id = $1", UUID(new["id"])
        )
    ok(await tenant.post(f"/documents/{new['id']}/retry"), 202)
    assert (await tenant.ended(new["id"]))["status"] == "ready"
    assert (await left(tenant), await texts(tenant)) == ({new["id"]}, {"Version two."})


async def test_a_key_and_a_replacement_go_together(tenant: Tenant) -> None:
    await tenant.ready_document(NAME, "Version one.")
    headers = {"Idempotency-Key": "key"}
    first, second = [ok(await send(tenant, "Version two.", "replace", headers=headers), 202) for _ in range(2)]
    assert first["id"] == second["id"]
    await tenant.ended(first["id"])
    assert await left(tenant) == {first["id"]}


async def jobs(service: Service, count: int) -> dict[str, Job]:
    """The jobs in the queue, claimed and begun by a worker that the test plays, by document."""
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
    # All is done, and nothing of it seen.
    assert (await texts(tenant), await left(tenant)) == ({"chunk 0"}, {old, new})
    paused.may_commit.set()
    await storing

    assert (await texts(tenant), await left(tenant)) == ({"chunk 1", "chunk 2"}, {new})
    assert await counts(tenant) == (1, 2)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
async def test_of_several_new_versions_the_last_uploaded_stays(idle: Service, order: tuple[int, ...]) -> None:
    """In whatever order they become ready; an earlier one that is still at work when a later is ready, ends."""
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


async def test_many_versions_at_once_end_in_the_last(tenant: Tenant) -> None:
    """With real workers, and a deletion and a retry of everything meanwhile: nobody waits for each other forever."""
    answers = await asyncio.gather(*(send(tenant, f"Version {number}. " * 50, "replace") for number in range(10)))
    ids = sorted(ok(answer, 202)["id"] for answer in answers)
    ok(await tenant.post("/documents/delete", json={"document_ids": ids[:3]}))
    ok(await tenant.post("/documents/retry", json={}), 202)
    assert (await tenant.ended(ids[-1]))["status"] == "ready"
    assert await left(tenant) == {ids[-1]}
    documents, chunks = await counts(tenant)
    assert (documents, chunks) == (1, (await rows_of(tenant.service, tenant.id))["chunks"])


async def test_a_conversation_that_is_being_deleted_is_in_nobodys_way(idle: Service) -> None:
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
async def test_a_change_of_what_a_conversation_is_about_holds_against_a_replacement(
    idle: Service, comes_first: str
) -> None:
    """Whoever begins first, the conversation is about the documents that its owner named, and no other."""
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
    """Whether a statement of this database waits for a lock."""
    return bool(
        await observer.fetchval(
            "select exists (select from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock')"
        )
    )


async def test_what_is_given_away_replaces_nothing_of_the_new_owner(idle: Service) -> None:
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
