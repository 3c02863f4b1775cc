"""Planted faults of queues, counts and recall, each found only by its check."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from svc.database.queries import Database
from svc.doctor.checks import Thresholds
from svc.jobs import sweep
from svc.terms.backfill import Backfill
from svc.terms.texts import StoredTerms
from tests.conftest import Service
from tests.database.conftest import make_document, make_user
from tests.doctor.conftest import Fired
from tests.tenants.made_up import make_large_user


async def test_a_document_without_a_job_is_found_and_fixed(fired: Fired, hand: Any, database: Database) -> None:
    document = await make_document(database, await make_user(database))
    await hand.execute("delete from ingestion_jobs")

    found = await fired()
    assert found.keys() == {"stuck-document"}
    (finding,) = found["stuck-document"]
    assert str(document) in finding.problem

    await hand.execute(finding.fix[0])
    assert await fired() == {}
    assert await hand.fetchval("select document_id from ingestion_jobs") == document


async def test_a_queue_that_nobody_works_on_is_found(fired: Fired, hand: Any, database: Database) -> None:
    await make_document(database, await make_user(database))
    await hand.execute("update ingestion_jobs set due_at = now() - interval '10 minutes'")

    found = await fired()

    assert found.keys() == {"queue-age"}
    assert "the queue of the documents (1 job) is 6" in found["queue-age"][0].problem


async def test_a_lease_that_ran_out_is_found(fired: Fired, hand: Any, database: Database) -> None:
    await make_document(database, await make_user(database))
    await database.one("ingest/claim", worker="one that died", lease_s=60.0, after=UUID(int=0))
    assert await fired() == {}
    await hand.execute("update ingestion_jobs set due_at = now() - interval '10 minutes'")

    assert (await fired()).keys() == {"expired-lease"}


async def test_a_job_of_what_is_gone_is_found(fired: Fired, hand: Any, database: Database) -> None:
    user = await make_user(database)
    await hand.execute(
        "insert into message_jobs (user_id, conversation_id, due_at, worker) "
        "values ($1, uuidv7(), now() - interval '61 seconds', null)",
        user,
    )

    found = await fired(Thresholds(overdue_s=60))
    assert found.keys() == {"orphaned-job", "queue-age"}
    assert found["orphaned-job"][0].severity == "note"


async def test_old_remains_of_a_deleted_document_are_found(fired: Fired, hand: Any, database: Database) -> None:
    user = await make_user(database)
    document = await make_document(database, user)
    await database.exec("documents/delete", user_id=user, document_ids=[document], max_parts=-1)
    assert await fired() == {}
    await hand.execute("update document_contents set removed_at = now() - interval '20 minutes'")
    assert (await fired()).keys() == {"left-over"}


async def test_chunks_without_terms_and_old_samples_are_found_and_repaired(
    fired: Fired, hand: Any, database: Database
) -> None:
    await make_large_user(database, documents=40, chunks_each=6, conversations=0, messages_each=0)
    await hand.execute("delete from chunk_terms where chunk_id in (select chunk_id from chunk_terms limit 40)")
    found = await fired()
    assert found.keys() == {"missing-terms", "term-samples"}
    (missing,), (late,) = found["missing-terms"], found["term-samples"]
    assert missing.problem.startswith("40 of 240 chunks of user ")
    assert "240 chunks, but their terms were counted when there were 0" in late.problem

    await hand.execute(missing.fix[0])
    (waiting,) = (await fired())["missing-terms"]
    assert (missing.severity, waiting.severity) == ("warning", "note")
    work = Backfill(database, StoredTerms())
    while await work.step():
        pass
    assert await fired() == {}


async def test_bytes_without_a_document_are_found_and_left_to_the_sweep(
    fired: Fired, hand: Any, database: Database
) -> None:
    user = await make_user(database)
    await make_document(database, user)
    await hand.execute("delete from ingestion_jobs")
    await hand.execute("delete from documents")
    await hand.execute("update tenant_totals set document_count = 0, byte_count = 0")
    found = await fired()
    assert found.keys() == {"unowned-bytes"}
    await hand.execute(found["unowned-bytes"][0].fix[0])
    assert await fired() == {}
    assert await sweep.sweep_left_over(database) == 1
    assert await hand.fetchval("select count(*) from document_contents") == 0


async def test_missing_rows_of_collections_are_found_and_fixed(fired: Fired, hand: Any, service: Service) -> None:
    owner, key = await service.user("ada@example.org")
    reader, _ = await service.user("grace@example.org")
    document = (await service.ready_document(key, "notes.txt", "The Moon is far away."))["id"]
    kept, lost = [
        (await service.call("POST", "/collections", key, json={"expires_after_s": 600})).json()["id"] for _ in range(2)
    ]
    for collection in (kept, lost):
        await service.call("POST", f"/collections/{collection}/files", key, json={"document_id": document})
        assert (await service.call("PUT", f"/collections/{collection}/readers/{reader}", key)).is_success
    limited = await service.call("POST", "/keys", key, json={"collection_id": lost})
    assert limited.status_code == 201
    assert await fired() == {}
    # The state after a partial restore: foreign keys are not checked.
    await hand.execute("set session_replication_role = replica")
    await hand.execute("delete from collections where id = $1", UUID(lost))
    await hand.execute("update collection_readers set reader_id = uuidv7() where collection_id = $1", UUID(kept))
    await hand.execute("update collection_files set document_id = uuidv7() where collection_id = $1", UUID(kept))
    await hand.execute("update collections set expires_at = now()")
    await hand.execute("reset session_replication_role")

    found = await fired()
    assert {name: len(findings) for name, findings in found.items()} == {
        "collection-files": 2, "collection-readers": 2, "collection-expiry": 1, "collection-keys": 1,
    }  # fmt: skip
    assert all(owner in finding.problem for findings in found.values() for finding in findings)
    for finding in [finding for findings in found.values() for finding in findings]:
        await hand.execute(finding.fix[0])
    assert await fired() == {}


async def test_a_file_without_one_of_its_parts_is_found(fired: Fired, hand: Any, database: Database) -> None:
    await make_large_user(database, documents=6, chunks_each=3, conversations=0, messages_each=0)
    assert await fired() == {}
    deleted = "delete from file_parts where (document_id, first_byte) in (select document_id, 1000 from file_parts"
    await hand.execute(f"{deleted} order by document_id limit 1)")
    (finding,) = (await fired())["file-parts"]
    assert finding.problem.startswith("document ")


async def test_a_wrong_number_of_vectors_is_found_and_fixed(fired: Fired, hand: Any, service: Service) -> None:
    user, key = await service.user("ada@example.org")
    await service.ready_document(key, "notes.txt", "The Moon is far away. " * 100)
    assert await fired() == {}
    await hand.execute("update tenant_totals set chunk_count = chunk_count + 7")

    found = await fired()
    assert found.keys() == {"chunk-totals"}
    (finding,) = found["chunk-totals"]
    assert user in finding.problem

    await hand.execute(finding.fix[0])
    assert await fired() == {}


async def test_a_wrong_number_towards_a_plan_is_found(fired: Fired, hand: Any, database: Database) -> None:
    user = await make_user(database)
    await make_document(database, user)
    await hand.execute("update tenant_totals set document_count = 3, byte_count = 5")

    found = await fired()
    assert found.keys() == {"document-totals"}
    (finding,) = found["document-totals"]
    assert "has 1 document of 4 bytes, but the stored totals are 3 of 5" in finding.problem
    assert finding.fix == (f"cabinet usage recount {user}",)

    await database.one("usage/recount", user_id=user)
    assert await fired() == {}


async def test_wrong_numbers_of_conversations_messages_and_keys_are_found(
    fired: Fired, hand: Any, database: Database
) -> None:
    user = await make_user(database)
    await hand.execute("update tenant_totals set conversation_count = 2, message_count = 3, key_count = 0")

    found = await fired()
    assert found.keys() == {"conversation-totals"}
    (finding,) = found["conversation-totals"]
    assert "0 conversations, 0 messages and 1 key, but the stored totals are 2, 3 and 0" in finding.problem
    assert finding.fix == (f"cabinet usage recount {user}",)

    await database.one("usage/recount", user_id=user)
    assert await fired() == {}


async def test_counts_of_documents_and_conversations_are_found_and_fixed(
    fired: Fired, hand: Any, service: Service
) -> None:
    _, key = await service.user("ada@example.org")
    document = await service.ready_document(key, "notes.txt", "The Moon is far away. " * 100)
    talk = (await service.call("POST", "/conversations", key, json={"title": "Moon"})).json()["id"]
    body = {"role": "user", "content": "How far?"}
    assert (await service.call("POST", f"/conversations/{talk}/messages", key, json=body)).status_code == 201
    await hand.execute("update documents set chunk_count = chunk_count + 1")
    await hand.execute("update conversations set message_count = 0")

    found = await fired()
    assert found.keys() == {"chunk-counts", "message-counts", "conversation-totals"}
    assert document["id"] in found["chunk-counts"][0].problem
    assert talk in found["message-counts"][0].problem
    assert (await service.call("POST", f"/conversations/{talk}/messages", key, json=body)).status_code == 409

    await hand.execute(found["chunk-counts"][0].fix[0])
    await hand.execute(found["message-counts"][0].fix[0])
    assert await fired() == {}
    assert (await service.call("POST", f"/conversations/{talk}/messages", key, json=body)).status_code == 201


async def test_a_document_without_its_vectors_is_found_and_fixed(fired: Fired, hand: Any, service: Service) -> None:
    _, key = await service.user("ada@example.org")
    document = await service.ready_document(key, "notes.txt", "The Moon is far away. " * 100)
    await hand.execute("delete from chunk_vectors where chunk_id in (select chunk_id from chunk_vectors limit 1)")

    found = await fired()
    assert found.keys() == {"chunk-counts", "chunk-totals"}
    fix = found["chunk-counts"][0].fix

    await hand.execute(fix[0])
    await hand.execute((await fired())["chunk-totals"][0].fix[0])
    assert (await service.call("POST", f"/documents/{document['id']}/retry", key)).status_code in (200, 202)
    assert (await service.ended(key, document["id"]))["chunk_count"] == document["chunk_count"]
    assert await fired() == {}
