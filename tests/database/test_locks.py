"""The order of locks: statements of the queue lock the document first and then its job; a key never waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, TypedDict
from uuid import UUID, uuid4

import numpy as np
import pytest

from svc.database.queries import Database
from svc.database.rows import IngestWriteChunks, MessageJobsWriteVectors
from svc.tenants.erase import erase_user
from svc.vectors.signatures import signatures
from tests.conftest import PATIENCE_S
from tests.database.conftest import make_document, make_user, until


class Document(TypedDict):
    user_id: UUID
    document_id: UUID


class Key(Document):
    attempt: int


class Place(TypedDict):
    user_id: UUID
    conversation_id: UUID


async def claimed(database: Database) -> Key:
    """A document in its first attempt, in the form of its worker's arguments."""
    user_id = await make_user(database)
    document_id = await make_document(database, user_id)
    job = await database.one("ingest/claim", worker="w", lease_s=60.0, after=UUID(int=0))
    assert job is not None
    assert (job.user_id, job.document_id, job.attempt) == (user_id, document_id, 1)
    key: Key = {"user_id": user_id, "document_id": document_id, "attempt": 1}
    assert await database.one("ingest/start", **key, lease_s=60.0) is not None
    return key


async def waits_for_a_lock(observer: Any) -> None:
    """Wait until a statement of the service waits for another one."""
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    await until(lambda: observer.fetchval(waiting))


OTHERS: dict[str, dict[str, Any]] = {
    "ingest/heartbeat": {"lease_s": 60.0, "progress": 0.5},
    "ingest/postpone": {"delay_s": 1.0, "error": "later", "is_failed": True},
    "ingest/fail": {"error": "broken"},
}


@pytest.mark.parametrize("name", OTHERS)
async def test_storing_a_document_does_not_deadlock_with_a_concurrent_statement(
    database: Database, observer: Any, name: str
) -> None:
    """The store has locked the document and waits for the job; a statement that locked the job first would deadlock."""
    key = await claimed(database)
    async with database.transaction() as transaction:
        assert await transaction.one("ingest/complete", **key, chunk_count=0, warnings=[]) is not None
        other = asyncio.create_task(database.exec_by_name(name, {**key, **OTHERS[name]}))
        await waits_for_a_lock(observer)
        await transaction.exec("ingest/finish", user_id=key["user_id"], chunk_count=0, token_count=0, earlier_chunks=0)

    assert await other == 0, "the document is ready, so the other statement changes nothing"
    document = await database.one("documents/get", user_id=key["user_id"], document_id=key["document_id"])
    assert document is not None
    assert (document.status, document.error) == ("ready", None)
    assert await database.value("ingest/next_due") is None


async def test_deleting_a_document_waits_for_its_storing_and_then_deletes_all_rows(
    database: Database, observer: Any
) -> None:
    key = await claimed(database)
    document: Document = {"user_id": key["user_id"], "document_id": key["document_id"]}
    async with database.transaction() as transaction:
        await transaction.one("ingest/complete", **key, chunk_count=1, warnings=[])
        [row] = await transaction.many("ingest/chunk_ids", chunk_count=1)
        await transaction.copy(
            "ingest/write_chunks",
            rows=[
                IngestWriteChunks(
                    **document, id=row.id, chunk_index=0, content="x", token_count=1, metadata={}, content_hash=row.id
                )
            ],
        )
        deleting = {"user_id": key["user_id"], "document_ids": [key["document_id"]], "max_parts": 100}
        deletion = asyncio.create_task(database.exec_by_name("documents/delete", deleting))
        await waits_for_a_lock(observer)
        await transaction.exec("ingest/finish", user_id=key["user_id"], chunk_count=1, token_count=0, earlier_chunks=0)

    assert await deletion == 1
    for table, left in (("documents", 0), ("chunks", 0), ("ingestion_jobs", 0)):
        assert await observer.fetchval(f"select count(*) from {table}") == left, table
    assert await observer.fetchval("select chunk_count from tenant_totals") == 0, "the tenant's size is correct again"


async def test_concurrent_claims_get_different_jobs(database: Database) -> None:
    user_id = await make_user(database)
    documents = [await make_document(database, user_id) for _ in range(20)]

    jobs = await asyncio.gather(
        *(database.one("ingest/claim", worker="w", lease_s=60.0, after=UUID(int=0)) for _ in range(25))
    )

    got: list[UUID] = [job.document_id for job in jobs if job is not None]
    # A claim that runs while all remaining jobs are being claimed skips them: it gets none, never another worker's.
    assert len(got) == len(set(got))
    rest = [await database.one("ingest/claim", worker="w", lease_s=60.0, after=UUID(int=0)) for _ in range(21)]
    got += [job.document_id for job in rest if job is not None]
    assert sorted(got) == sorted(documents)


async def test_a_key_is_valid_while_its_row_is_locked(database: Database, observer: Any) -> None:
    await make_user(database)
    key_hash = b"ada@example.org".ljust(32, b"\0")
    async with observer.transaction():
        await observer.execute("select from api_keys for update")

        shown = await asyncio.wait_for(database.one("keys/authenticate", key_hash=key_hash), PATIENCE_S)

    assert shown is not None
    assert await observer.fetchval("select last_used_at from api_keys") is None
    await database.one("keys/authenticate", key_hash=key_hash)
    used = await observer.fetchval("select last_used_at from api_keys")
    assert used is not None
    await database.one("keys/authenticate", key_hash=key_hash)
    assert await observer.fetchval("select last_used_at from api_keys") == used, "noted once a minute"


async def claimed_conversation(database: Database) -> tuple[Place, UUID]:
    """A conversation with a message, whose job a worker has claimed, and the lease."""
    user_id, lease = await make_user(database), uuid4()
    conversation = await database.one(
        "conversations/create", user_id=user_id, title=None, document_ids=[], metadata={}, expires_at=None
    )
    assert conversation is not None
    place: Place = {"user_id": user_id, "conversation_id": conversation.id}
    await database.many(
        "messages/append", **place, roles=["user"], contents=["text"], token_counts=[1], source_messages=[],
        source_chunks=[], embed=True, details=[],
    )  # fmt: skip
    assert (
        await database.one("message_jobs/claim", worker="w", lease=lease, lease_s=60.0, after=UUID(int=0)) is not None
    )
    return place, lease


def deletion_of(what: str, database: Database, place: Place) -> asyncio.Task[Any]:
    """Begin to delete the conversation, or to erase its user."""
    if what == "conversation":
        return asyncio.create_task(database.value("conversations/delete", **place, max_messages=1000))
    return asyncio.create_task(erase_user(database, place["user_id"]))


@pytest.mark.parametrize("what", ["conversation", "user"])
async def test_deleting_a_conversation_waits_for_the_end_of_its_job_and_then_deletes_all_rows(
    database: Database, observer: Any, what: str
) -> None:
    """The end of a job locks the conversation, then the job; a deletion that locked the job first would deadlock."""
    place, lease = await claimed_conversation(database)
    async with database.transaction() as transaction:
        await transaction.exec("message_jobs/hold", **place)
        deletion = deletion_of(what, database, place)
        await waits_for_a_lock(observer)
        assert await transaction.exec("message_jobs/drop", **place, lease=lease) == 1

    assert await deletion
    for table in ("conversations", "messages", "message_jobs"):
        assert await observer.fetchval(f"select count(*) from {table}") == 0, table


@pytest.mark.parametrize("what", ["conversation", "user"])
async def test_storing_the_vectors_of_messages_does_not_deadlock_with_a_deletion(
    database: Database, observer: Any, what: str
) -> None:
    """Vectors lock the conversation, so the worker must lock it before the job, for which the deletion waits."""
    place, lease = await claimed_conversation(database)
    vector = np.full(256, 0.5, dtype=np.float16)
    async with database.transaction() as transaction:
        assert await transaction.value("message_jobs/keep", **place, lease=lease, positions=[1]) is not None
        deletion = deletion_of(what, database, place)
        await waits_for_a_lock(observer)
        rows = [
            MessageJobsWriteVectors(
                **place, position=1, piece=0, role="user", created_at=datetime.now(UTC), embedding=vector,
                signature=signatures(vector[np.newaxis])[0],
            )
        ]  # fmt: skip
        assert await transaction.copy("message_jobs/write_vectors", rows) == 1
        assert await transaction.exec("message_jobs/charge", **place, lease=lease, lease_s=60.0, token_count=1) == 1

    assert await deletion
    for table in ("conversations", "messages", "message_vectors", "message_jobs"):
        assert await observer.fetchval(f"select count(*) from {table}") == 0, table
