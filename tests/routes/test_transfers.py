"""Transfers of documents from one user to another: all or nothing, despite concurrent changes."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest
from pgvector import HalfVector

from svc import batches
from svc.database.queries import Database, Transaction
from svc.errors import LeaseLostError
from svc.ingest.chunk import TextChunk
from svc.ingest.job import Job
from svc.ingest.queue import Queue
from svc.search.index_plan import own_index_name
from svc.vectors.signatures import signatures
from tests.campaigns.transfers import fire
from tests.conftest import ADMIN_KEY, Service
from tests.database.conftest import until
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of
from tests.routes.test_documents import SENTENCES
from tests.routes.workers import CHUNKS, VECTORS, PausedDatabase, begun

# The remaining rows of a user after the transfer of all documents.
LEFT = {"api_keys", "tenant_totals", "usage_days"}


async def transfer(giver: Tenant, receiver: str, *document_ids: str) -> httpx.Response:
    """Transfer documents with the admin key."""
    body = {"document_ids": document_ids, "to_user": receiver}
    return await giver.service.call(
        "POST", "/documents/transfer", ADMIN_KEY, json=body, headers={"Cabinet-User": giver.id}
    )


async def given(giver: Tenant, receiver: Tenant, *document_ids: str) -> dict[str, int]:
    """Transfer documents and return the answer."""
    return dict(ok(await transfer(giver, receiver.id, *document_ids)))


async def stored(tenant: Tenant) -> dict[str, list[dict[str, Any]]]:
    """Return every row of a tenant's documents, without `user_id`."""
    rows = {}
    async with direct_connection(tenant.service) as connection:
        for table in ("documents", "document_contents", "file_parts", "chunks", "chunk_vectors", "chunk_terms"):
            # The keys of terms depend on the tenant.
            left_out = "'{user_id,keys}'::text[]"
            query = f"select (to_jsonb(t) - {left_out})::text from {table} as t where user_id = $1 order by 1"
            rows[table] = [json.loads(row[0]) for row in await connection.fetch(query, UUID(tenant.id))]
    return rows


async def counts(tenant: Tenant) -> tuple[int, int, int]:
    """Return a tenant's counts of documents, chunks and bytes."""
    async with direct_connection(tenant.service) as connection:
        query = "select document_count, chunk_count, byte_count from tenant_totals where user_id = $1"
        documents, chunks, size_bytes = await connection.fetchrow(query, UUID(tenant.id))
    return documents, chunks, size_bytes


async def found(tenant: Tenant) -> set[str]:
    """Return the documents that a search finds."""
    results = ok(await tenant.post("/search", json={"query": "subject", "limit": 100}))["results"]
    return {result["document_id"] for result in results}


async def test_a_transfer_moves_all_rows_of_a_document(tenant: Tenant, other: Tenant) -> None:
    kept = await tenant.ready_document("kept.txt", "This stays.")
    moved = await tenant.ready_document("moved.txt", SENTENCES, topic="numbers")
    theirs = await other.ready_document("theirs.txt", "This was here.")
    before, chunks = await stored(tenant), await tenant.chunks(moved["id"])

    answer = await given(tenant, other, moved["id"])

    assert answer == {"documents": 1, "chunks": moved["chunk_count"]}
    problem(await tenant.get(f"/documents/{moved['id']}"), 404)
    assert {**ok(await other.get(f"/documents/{moved['id']}")), "updated_at": None} == {**moved, "updated_at": None}
    assert await other.chunks(moved["id"]) == chunks
    assert (await other.get(f"/documents/{moved['id']}/content")).text == SENTENCES
    assert await found(tenant) == {kept["id"]}
    assert await found(other) == {moved["id"], theirs["id"]}
    assert await counts(tenant) == (1, 1, len("This stays."))
    assert await counts(other) == (2, 1 + moved["chunk_count"], len("This was here.") + len(SENTENCES))
    # A transfer back restores all rows, so no column is forgotten.
    await given(other, tenant, moved["id"])
    after = await stored(tenant)
    for document in [*before["documents"], *after["documents"]]:
        del document["updated_at"]
    assert after == before
    assert (await counts(tenant))[1] == 1 + moved["chunk_count"]
    assert await counts(other) == (1, 1, len("This was here."))


async def test_a_transfer_moves_all_documents_or_none(tenant: Tenant, other: Tenant) -> None:
    own = await tenant.ready_document("own.txt", "Mine.")
    theirs = await other.ready_document("theirs.txt", "Theirs.")
    before = await stored(tenant), await stored(other)
    told = []
    for not_own in (theirs["id"], str(uuid4())):
        problem(answer := await transfer(tenant, other.id, own["id"], not_own), 422, "document_ids")
        told.append(answer.json()["detail"])
    assert told[0] == told[1], "the answer does not reveal whether another user's document exists"
    problem(await transfer(tenant, str(uuid4()), own["id"]), 422, "to_user")
    problem(await transfer(tenant, tenant.id, own["id"]), 422, "to_user")
    problem(await transfer(tenant, other.id), 422, "document_ids")
    problem(await transfer(tenant, other.id, *[str(uuid4()) for _ in range(1001)]), 422, "document_ids")
    assert (await stored(tenant), await stored(other)) == before


async def test_users_cannot_transfer_documents(tenant: Tenant, other: Tenant) -> None:
    own = await tenant.ready_document("own.txt", "Mine.")
    body = {"document_ids": [own["id"]], "to_user": other.id}
    problem(await tenant.post("/documents/transfer", json=body), 403)
    answer = await tenant.service.call("POST", "/documents/transfer", ADMIN_KEY, json=body)
    assert "Cabinet-User" in problem(answer, 403)["detail"]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("max_documents = 1", "the receiver's plan allows 1 documents, of which 1 are used, and this takes 1 more"),
        ("max_chunks = 1", "the receiver's plan allows 1 chunks, of which 1 are used, and this takes 1 more"),
        (
            "max_bytes = 10",
            "the receiver's plan allows 10 bytes of documents, of which 7 are used, and this takes 5 more",
        ),
    ],
)
async def test_transferred_documents_must_fit_into_the_receivers_plan(service: Service, limit: str, said: str) -> None:
    giver, receiver = await new_tenant(service), await new_tenant(service)
    own = await giver.ready_document("own.txt", "Mine.")
    await receiver.ready_document("theirs.txt", "Theirs.")
    async with direct_connection(service) as connection:
        await connection.execute(f"update plans set {limit}")
        before = await stored(giver), await stored(receiver)
        refused = problem(await transfer(giver, receiver.id, own["id"]), 403)
        assert refused["detail"].startswith(said)
        assert (await stored(giver), await stored(receiver)) == before
        await connection.execute("update plans set max_documents = 2, max_chunks = 2, max_bytes = 12")
    assert await given(giver, receiver, own["id"]) == {"documents": 1, "chunks": 1}
    assert (await counts(giver), await counts(receiver)) == ((0, 0, 0), (2, 2, 12))


async def test_concurrent_transfers_do_not_exceed_a_plan(service: Service) -> None:
    givers, receiver = [await new_tenant(service) for _ in range(6)], await new_tenant(service)
    own = [(await giver.ready_document("own.txt", "Mine."))["id"] for giver in givers]
    async with direct_connection(service) as connection:
        await connection.execute("update plans set max_documents = 3")
    answers = await asyncio.gather(*(transfer(giver, receiver.id, id_) for giver, id_ in zip(givers, own, strict=True)))
    assert sum(answer.status_code == 200 for answer in answers) == 3
    assert {answer.status_code for answer in answers} <= {200, 403, 503}
    assert (await counts(receiver))[0] == (await rows_of(service, receiver.id))["documents"] == 3


async def test_the_same_id_twice_is_one_document(tenant: Tenant, other: Tenant) -> None:
    own = await tenant.ready_document("own.txt", "Mine.")
    assert await given(tenant, other, own["id"], own["id"]) == {"documents": 1, "chunks": 1}


async def test_the_givers_citations_keep_their_text(tenant: Tenant, other: Tenant) -> None:
    kept = await tenant.ready_document("kept.txt", "This stays.")
    moved = await tenant.ready_document("moved.txt", "The Moon is far away.")
    conversation = await tenant.conversation(document_ids=[kept["id"], moved["id"]])
    chunk_id = (await tenant.chunks(moved["id"]))[0]["id"]
    await tenant.say(conversation["id"], {"role": "assistant", "content": "Far.", "sources": [chunk_id]})

    await given(tenant, other, moved["id"])

    assert ok(await tenant.get(f"/conversations/{conversation['id']}"))["document_ids"] == [kept["id"]]
    (message,) = ok(await tenant.get(f"/conversations/{conversation['id']}/messages"))["data"]
    (source,) = message["sources"]
    assert (source["content"], source["state"]) == ("The Moon is far away.", "deleted")
    assert "conversation_documents" not in await rows_of(other.service, other.id)


async def test_a_failed_document_is_transferred_unchanged(tenant: Tenant, other: Tenant) -> None:
    failed = await tenant.ended((await tenant.upload("a.txt", " \n"))["id"])
    await given(tenant, other, failed["id"])
    assert {**ok(await other.get(f"/documents/{failed['id']}")), "updated_at": None} == {**failed, "updated_at": None}
    ok(await other.post(f"/documents/{failed['id']}/retry"), 202)
    assert (await other.ended(failed["id"]))["attempt"] == failed["attempt"] + 1


# --- while it is being ingested


async def pair_of(service: Service) -> tuple[Tenant, Tenant, str]:
    """Create a user with a document in the queue, and another user."""
    giver, receiver = await new_tenant(service), await new_tenant(service)
    return giver, receiver, (await giver.upload("a.txt", "a"))["id"]


async def changes_nothing(queue: Queue, job: Job) -> None:
    """Check that a worker without its lease changes nothing."""
    with pytest.raises(LeaseLostError):
        await queue.heartbeat(job, 0.5)
    with pytest.raises(LeaseLostError):
        await queue.store(job, CHUNKS, VECTORS)
    await queue.postpone(job, 1000, "nothing")
    await queue.fail(job, "nothing")
    await queue.release(job)


async def test_a_queued_document_is_transferred_with_its_job(idle: Service) -> None:
    giver, receiver, document_id = await pair_of(idle)
    await given(giver, receiver, document_id)
    assert (await rows_of(idle, giver.id)).keys() == LEFT
    job = await begun(idle)
    assert (str(job.user_id), str(job.document_id)) == (receiver.id, document_id)
    await Queue(idle.services.database, "test", 60).store(job, CHUNKS, VECTORS)
    assert (await receiver.ended(document_id))["status"] == "ready"


@pytest.mark.parametrize("comes_back", [False, True])
async def test_a_worker_that_loses_its_document_changes_nothing(idle: Service, comes_back: bool) -> None:
    giver, receiver, document_id = await pair_of(idle)
    queue = Queue(idle.services.database, "test", 60)
    job = await begun(idle)
    await given(giver, receiver, document_id)
    owner = receiver
    if comes_back:
        await given(receiver, giver, document_id)
        owner = giver
    before = await stored(owner)

    await changes_nothing(queue, job)

    assert await stored(owner) == before
    # The job is due immediately, with its attempts reset.
    again = await begun(idle)
    assert (str(again.user_id), again.tries, again.interruptions) == (owner.id, 0, 1)
    assert again.attempt > job.attempt
    await queue.store(again, CHUNKS, VECTORS)
    assert (await owner.ended(document_id))["chunk_count"] == len(CHUNKS)


@pytest.mark.parametrize("comes_back", [False, True])
async def test_a_worker_that_has_just_claimed_a_transferred_document_does_nothing(
    idle: Service, comes_back: bool
) -> None:
    giver, receiver, document_id = await pair_of(idle)
    queue = Queue(idle.services.database, "test", 60)
    job = await queue.claim()
    assert job is not None
    await given(giver, receiver, document_id)
    if comes_back:
        await given(receiver, giver, document_id)
    assert await queue.start(job) is None
    again = await begun(idle)
    assert str(again.user_id) == (giver.id if comes_back else receiver.id)


async def test_a_document_that_is_being_stored_is_transferred_completely(idle: Service) -> None:
    """The transfer waits for the worker's transaction, and then moves the rows that it wrote."""
    giver, receiver, document_id = await pair_of(idle)
    paused = PausedDatabase(idle.services.database)
    queue = Queue(cast(Database, paused), "test", 60)
    storing = asyncio.create_task(queue.store(await begun(idle), CHUNKS, VECTORS))
    await paused.stored.wait()
    giving = asyncio.create_task(given(giver, receiver, document_id))
    await asyncio.sleep(0.2)
    assert not giving.done(), "the transfer must wait for the lock"
    paused.may_commit.set()
    await storing
    assert await giving == {"documents": 1, "chunks": len(CHUNKS)}
    assert len((await stored(receiver))["chunk_vectors"]) == len(CHUNKS)
    assert (await receiver.get(f"/documents/{document_id}")).json()["status"] == "ready"
    assert (await rows_of(idle, giver.id)).keys() == LEFT
    assert await counts(giver) == (0, 0, 0)


async def test_a_transfer_while_a_real_worker_ingests_the_document(tenant: Tenant, other: Tenant) -> None:
    uploads = [(await tenant.upload(f"{number}.txt", SENTENCES * 20))["id"] for number in range(3)]
    for upload, pause_s in zip(uploads, (0, 0.05, 0.15), strict=True):
        await asyncio.sleep(pause_s)
        await given(tenant, other, upload)
    documents = [await other.ended(upload) for upload in uploads]
    assert {document["status"] for document in documents} == {"ready"}
    rows = await rows_of(other.service, other.id)
    chunk_count = sum(document["chunk_count"] for document in documents)
    assert rows["chunks"] == rows["chunk_vectors"] == rows["chunk_terms"] == chunk_count
    assert not (await rows_of(tenant.service, tenant.id)).keys() & {"documents", "chunks", "ingestion_jobs"}


# --- while others change the same rows


async def test_one_of_several_concurrent_transfers_succeeds(tenant: Tenant, other: Tenant) -> None:
    third = await new_tenant(tenant.service)
    own = await tenant.ready_document("own.txt", SENTENCES)
    answers = await asyncio.gather(*(transfer(tenant, to.id, own["id"]) for to in (other, third) * 4))
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 7
    rows = [await rows_of(tenant.service, user.id) for user in (tenant, other, third)]
    assert sorted(row.get("chunks", 0) for row in rows) == [0, 0, own["chunk_count"]]


async def test_users_who_transfer_to_each_other_do_not_deadlock(tenant: Tenant, other: Tenant) -> None:
    for _ in range(5):
        one = await tenant.ready_document("one.txt", SENTENCES)
        two = await other.ready_document("two.txt", SENTENCES)
        await asyncio.gather(given(tenant, other, one["id"]), given(other, tenant, two["id"]))


async def test_a_transfer_to_a_user_who_is_being_deleted_leaves_nothing(tenant: Tenant) -> None:
    for number in range(5):
        receiver = await new_tenant(tenant.service)
        document = await tenant.ready_document(f"{number}.txt", SENTENCES)
        answer, deletion = await asyncio.gather(
            transfer(tenant, receiver.id, document["id"]), receiver.delete(f"/users/{receiver.id}")
        )
        assert answer.status_code in (200, 422), answer.text
        assert deletion.status_code in (200, 204), deletion.text
        assert await rows_of(tenant.service, receiver.id) == {}
        if answer.status_code == 422:
            done(await tenant.delete(f"/documents/{document['id']}"))


@pytest.mark.slow
async def test_under_load_each_chunk_is_found_by_exactly_one_user(service: Service) -> None:
    """The short version of `python -m tests.campaigns.transfers`."""
    looked_at = ("snapshots", "pairs of searches with no transfer meanwhile", "of them while being ingested")
    seen: Counter[str] = Counter()
    # Once is enough, unless the machine is so busy that nothing is seen between two transfers.
    for seed in range(1, 11):
        tally = await fire(service, transfers=12, seed=seed)
        assert tally.faults == []
        seen.update(tally.counts)
        if all(seen[what] for what in looked_at):
            return
    raise AssertionError(seen)


# --- large transfers


async def large(service: Service, *chunk_counts: int) -> tuple[Tenant, Tenant, list[str]]:
    """A giver with documents of these numbers of chunks, and a receiver; the documents' ids."""
    giver, receiver = await new_tenant(service), await new_tenant(service)
    queue, ids = Queue(service.services.database, "test", 60), []
    for number, count in enumerate(chunk_counts):
        ids.append((await giver.upload(f"{number}.txt", f"text {number}"))["id"])
        chunks = [TextChunk(f"chunk {number} {index}", 2, {}) for index in range(count)]
        await queue.store(await begun(service), chunks, np.ones((count, 256), dtype=np.float16))
    return giver, receiver, ids


async def test_chunks_are_given_a_bounded_number_a_statement(idle: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "TRANSFERRED_CHUNKS", 3)
    monkeypatch.setattr(batches, "TRANSFERRED_BYTES", 13)
    giver, receiver, ids = await large(idle, 1, 8, 2, 3, 0, 6)
    before, counted = await stored(giver), await counts(giver)
    slices: list[int] = []
    value = Transaction.value_by_name

    async def noting(self: Transaction, name: str, arguments: Mapping[str, Any]) -> Any:
        result = await value(self, name, arguments)
        if name == "documents/transfer_chunks":
            slices.append(result)
        return result

    monkeypatch.setattr(Transaction, "value_by_name", noting)
    assert await given(giver, receiver, *ids) == {"documents": 6, "chunks": 20}
    assert sum(slices) == 20
    assert max(slices) <= 3
    after = await stored(receiver)
    for document in [*before["documents"], *after["documents"]]:
        del document["updated_at"]
    assert after == before
    assert (await rows_of(idle, giver.id)).keys() == LEFT
    assert (await counts(giver), await counts(receiver)) == ((0, 0, 0), counted)


async def test_a_transfer_that_is_killed_has_given_nothing(idle: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends its session after some chunks were moved; they were never visible to the receiver."""
    monkeypatch.setattr(batches, "TRANSFERRED_CHUNKS", 3)
    giver, receiver, ids = await large(idle, 2, 10)
    before, counted = await stored(giver), await counts(giver)
    async with direct_connection(idle) as holder, direct_connection(idle) as observer, holder.transaction():
        # The third slice waits for this row.
        await holder.execute("select from chunks where document_id = $1 and chunk_index = 7 for update", UUID(ids[1]))
        giving = asyncio.create_task(transfer(giver, receiver.id, *ids))
        waiting = "pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        await until(lambda: observer.fetchval(f"select count(*) from {waiting}"))
        assert (await stored(receiver), await stored(giver)) == ({table: [] for table in before}, before)
        await observer.execute(f"select pg_terminate_backend(pid) from {waiting}")
        problem(await giving, 503)
    assert (await stored(receiver), await stored(giver)) == ({table: [] for table in before}, before)
    assert await counts(giver) == counted
    assert await given(giver, receiver, *ids) == {"documents": 2, "chunks": 12}


async def test_an_index_of_the_receivers_own_is_kept_up_with(idle: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "TRANSFERRED_CHUNKS", 3)
    giver, receiver, ids = await large(idle, 7)
    database = idle.services.database
    async with direct_connection(idle) as connection:
        text = database.statements["ddl/own_index"].body
        await connection.execute(
            text.replace(":index", own_index_name(UUID(receiver.id))).replace(":user_id", receiver.id)
        )
    await given(giver, receiver, *ids)
    vector = np.ones((1, 256), dtype=np.float16)
    rows = await database.many(
        "search/index", user_id=UUID(receiver.id), embedding=HalfVector(vector[0]), signature=signatures(vector)[0],
        candidates=100, max_rows=100,
    )  # fmt: skip
    assert len(rows) == 7
