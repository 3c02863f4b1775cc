"""A tenant that is exported from one Cabinet, erased there, and imported into another is unchanged."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from svc.access.keys import generate_key
from svc.database.queries import Database
from svc.errors import ConflictError, NotFoundError
from svc.tenants.erase import erase_user
from svc.tenants.export import find_export
from svc.tenants.imports import Orders, import_user
from tests.conftest import running_service, test_settings
from tests.database.conftest import make_user, until
from tests.routes.answers import ok
from tests.routes.tenants import Tenant, new_tenant
from tests.server_process import CABINET, clean_environment
from tests.tenants.files import exported, file_of, lines_of
from tests.tenants.made_up import id_of, make_large_user
from tests.tenants.stored import hashes, mentions, tenant_tables

# These belong to the other Cabinet: its keys, its queues, and its plans.
LEFT_OUT: dict[str, list[str]] = {
    "api_keys": [],
    "idempotency_keys": [],
    "uploads": [],
    "upload_parts": [],
    "upload_bytes": [],
    # A worker recomputes these tables.
    "chunk_terms": [],
    "message_terms": [],
    "term_samples": [],
    "term_stats": [],
    "term_jobs": [],
    "tenant_totals": [
        "has_index",
        "key_count",
        "document_limit",
        "chunk_limit",
        "byte_limit",
        "token_limit",
        "conversation_limit",
        "message_limit",
        "key_limit",
    ],
}
WORDS = 'Größe, \U0001f98a, \\u0041 " \\ \t and \x7f\u2028 stay as they are'


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def filled(tenant: Tenant) -> str:
    """Create all kinds of data of a tenant through the routes, and wait until no work is left.

    Returns the id of a conversation that is bound to a collection.
    """
    body = {"email": "Ada@example.org", "name": WORDS, "preferences": {"a": [1, None, 0.1, WORDS], WORDS: {}}}
    ok(await tenant.patch(f"/users/{tenant.id}", json=body))
    kept = await tenant.ready_document("kept.txt", f"The first sentence of {WORDS}. " * 40, topic=WORDS)
    cited = await tenant.ready_document("cited.md", "# Cited\n\nA sentence that is cited.")
    ends = {"filename": "ends.txt", "content": "It ends.", "expires_at": "2999-01-01T00:00:00.000001Z"}
    await tenant.ended(ok(await tenant.post("/documents", json=ends), 202)["id"])
    assert (await tenant.ended((await tenant.upload("empty.txt", " \n"))["id"]))["status"] == "error"
    large = {"files": {"file": ("large.bin", bytes(range(256)) * 5000)}, "data": {"purpose": "user_data"}}
    ok(await tenant.post("/v1/files", **large))
    chunks = [(await tenant.chunks(document["id"]))[0]["id"] for document in (kept, cited)]
    conversation = await tenant.conversation(title=WORDS, document_ids=[kept["id"], cited["id"]])
    await tenant.say(
        conversation["id"],
        {"role": "system", "content": WORDS},
        {"role": "assistant", "content": "word " * 300, "sources": chunks},
    )
    await tenant.conversation(metadata={"empty": True})
    shelf = {"name": WORDS, "description": WORDS, "metadata": {WORDS: [None]}, "expires_after_s": 86_400}
    collection = ok(await tenant.post("/collections", json=shelf), 201)["id"]
    files = [{"document_id": kept["id"], "attributes": {"year": 2026, "part": 0.1, "yes": True, "words": WORDS}}]
    ok(await tenant.post(f"/collections/{collection}/batches", json={"files": files}), 201)
    bound = await tenant.conversation(title="Bound", collection_ids=[collection])
    await read_otherwise(tenant, kept["id"])
    ok(await tenant.post("/keys", json={"name": WORDS}), 201)
    # The cited document is deleted, but the citation keeps its text.
    await tenant.delete(f"/documents/{cited['id']}")
    return str(bound["id"])


async def read_otherwise(tenant: Tenant, document_id: str) -> None:
    """Add a document of one collection to another one, in chunks of other sizes."""
    store = ok(await tenant.post("/v1/vector_stores", json={"name": "other chunks"}))["id"]
    path, sizes = f"/v1/vector_stores/{store}/files", {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50}
    file_id = "file-" + UUID(document_id).hex
    strategy = {"type": "static", "static": sizes}
    ok(await tenant.post(path, json={"file_id": file_id, "chunking_strategy": strategy}))

    async def is_read() -> bool:
        return bool(ok(await tenant.get(f"{path}/{file_id}"))["status"] == "completed")

    await until(is_read)


async def test_a_moved_tenant_is_unchanged(
    database_url: str, database: Database, second_url: str, second: Database
) -> None:
    async with running_service(test_settings(), database_url) as service:
        tenant, other = await new_tenant(service), await new_tenant(service)
        bound = await filled(tenant)
        await other.ready_document("other.txt", "A text of another user.")
        query = {"query": "first sentence", "limit": 100}
        found = ok(await tenant.post("/search", json={**query, "mode": "meaning"}))["results"]
        messages = ok(await tenant.post("/conversations/search", json=query))["results"]
        conversation = ok(await tenant.get(f"/conversations/{bound}"))
        in_bound = ok(await tenant.post("/search", json={**query, "mode": "meaning", "conversation_id": bound}))[
            "results"
        ]
        assert found
        assert 0 < len(in_bound) <= len(found)
        assert conversation["collection_ids"]
        assert len(messages) == 2
    user_id = UUID(tenant.id)
    async with connected(database_url) as first, connected(second_url) as then:
        before, others = await hashes(first, user_id, LEFT_OUT), await hashes(first, UUID(other.id), {})
        empty = await hashes(first, UUID(int=0), LEFT_OUT)
        unfilled = {table for table in before if before[table] == empty[table]}
        assert unfilled == {"ingestion_jobs", "message_jobs", "collection_readers"}
        export = await exported(database, user_id)
        assert (await erase_user(database, user_id)) is not None
        assert await mentions(first, user_id) == {}
        assert await hashes(first, UUID(other.id), {}) == others

        imported = await import_user(second, BytesIO(export), Orders(plan=lines_of(export)[1]["plan"], with_usage=True))

        assert (imported.reset, imported.dropped, imported.queued) == (0, 0, 0)
        assert await hashes(then, user_id, LEFT_OUT) == before
        assert await then.fetchval("select count(*) from documents where file_id is not null") == 1
        assert lines_of(await exported(second, user_id))[1] == lines_of(export)[1]
    async with running_service(test_settings(), second_url) as service:
        key = generate_key()
        await service.services.database.one(
            "keys/create",
            user_id=user_id,
            name=None,
            prefix=key.prefix,
            key_hash=key.key_hash,
            expires_at=None,
            scopes=["read", "write"],
        )
        moved = Tenant(service, tenant.id, key.key)
        assert ok(await moved.post("/search", json={**query, "mode": "meaning"}))["results"] == found
        assert ok(await moved.post("/conversations/search", json=query))["results"] == messages
        await moved.ready_document("more.txt", "Life goes on.")
        assert ok(await moved.get(f"/conversations/{bound}")) == conversation
        searched = ok(await moved.post("/search", json={**query, "mode": "meaning", "conversation_id": bound}))
        assert searched["results"] == in_bound


async def test_a_large_moved_tenant_is_unchanged(
    database: Database, second: Database, database_url: str, second_url: str
) -> None:
    """There are many pages of every table, and documents that are larger than a page."""
    user_id = await make_large_user(database, documents=105, chunks_each=2, conversations=105, messages_each=3)
    big = await make_large_user(database, documents=2, chunks_each=550, conversations=1, messages_each=550, seed=8)
    async with connected(database_url) as first, connected(second_url) as then:
        for each in (user_id, big):
            before = await hashes(first, each, LEFT_OUT)
            export = await exported(database, each)
            await import_user(second, BytesIO(export), Orders(plan="free", with_usage=True))
            assert await hashes(then, each, LEFT_OUT) == before


async def test_a_page_is_small_however_large_the_tenant(database: Database) -> None:
    user_id = await make_large_user(database, documents=60, chunks_each=60, conversations=1, messages_each=10)
    sizes = [len(page) async for page in (await find_export(database, user_id)).pages()]
    assert sum(sizes) > 5 * 2**20
    assert max(sizes) < 3 * 2**20


async def test_no_connection_is_held_between_two_pages(database: Database) -> None:
    user_id = await make_large_user(database, documents=2, chunks_each=600, conversations=1, messages_each=600)
    busy = [database.pool.busy_count async for _ in (await find_export(database, user_id)).pages()]
    assert len(busy) > 10
    assert set(busy) == {0}


async def test_an_unknown_user_is_not_exported(database: Database) -> None:
    with pytest.raises(NotFoundError):
        await find_export(database, UUID(int=0))


# --- changes during the export


async def test_changes_during_an_export_are_complete_or_repaired(
    database: Database, database_url: str, second: Database, second_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svc.tenants.export._OWNERS_A_PAGE", 4)
    monkeypatch.setattr("svc.tenants.export._ROWS_A_PAGE", 3)
    user_id = await make_large_user(database, documents=8, chunks_each=7, conversations=8, messages_each=7)
    async with connected(database_url) as first:
        documents = [row["id"] for row in await first.fetch("select id from documents order by id")]
        conversations = [row["id"] for row in await first.fetch("select id from conversations order by id")]
        pages, seen = [], set[str]()
        async for page in (await find_export(database, user_id)).pages():
            pages.append(page)
            for table in ("documents", "chunks", "conversations", "messages"):
                if f'"line":"{table}"'.encode() in page and table not in seen:
                    seen.add(table)
                    await _disturb(first, database, user_id, table, documents, conversations)
        assert seen == {"documents", "chunks", "conversations", "messages"}
    imported = await import_user(second, BytesIO(b"".join(pages)))
    async with connected(second_url) as then:
        rows = await then.fetch("select id, status, chunk_count from documents order by id")
        states = {row["id"]: (row["status"], row["chunk_count"]) for row in rows}
        # Deleted before its bytes were read; deleted between two of its pages; changed between two of its pages.
        assert documents[1] not in states
        assert states[documents[2]] == states[documents[3]] == ("processing", 0)
        assert {states[documents[number]] for number in (0, 4, 5, 6, 7)} == {("ready", 7)}
        assert (imported.reset, imported.queued) == (2, 3)
        queued = [row[0] for row in await then.fetch("select document_id from ingestion_jobs order by 1")]
        assert queued[:2] == [documents[2], documents[3]]
        assert states[queued[2]] == ("processing", 0), "the one that was uploaded meanwhile"
        kept = await then.fetch("select id, message_count from conversations order by id")
        assert [tuple(row) for row in kept] == [(id_, 7) for id_ in conversations if id_ != conversations[3]]
        for table, owner, each in (("chunks", "document_id", 7), ("messages", "conversation_id", 7)):
            counts = await then.fetch(f"select count(*) from {table} group by {owner}")
            assert {row[0] for row in counts} == {each}
        assert await then.fetchval("select count(*) from chunk_vectors") == 5 * 7
        assert await then.fetchval("select chunk_count from tenant_totals") == 5 * 7


async def _disturb(
    first: Any, database: Database, user_id: UUID, table: str, documents: list[UUID], conversations: list[UUID]
) -> None:
    """Change rows right after the first page of a table was read."""
    if table == "documents":
        await database.exec("documents/delete", user_id=user_id, document_ids=[documents[1]], max_parts=2)
    elif table == "chunks":
        await database.exec("documents/delete", user_id=user_id, document_ids=[documents[2]], max_parts=2)
        await first.execute("update documents set attempt = attempt + 1 where id = $1", documents[3])
        await database.one(
            "documents/create", user_id=user_id, filename="late.txt", file_type="text", metadata={}, content=b"late",
            content_hash=UUID(int=1), expires_at=None, is_read=True,
            document_id=None, file_size=4,
        )  # fmt: skip
    elif table == "conversations":
        await first.execute("delete from conversations where id = $1", conversations[3])
    else:
        await database.many(
            "messages/append", user_id=user_id, conversation_id=conversations[2], roles=["user"], contents=["late"],
            token_counts=[1], source_messages=[], source_chunks=[], embed=True, details=[],
        )  # fmt: skip


async def test_a_reference_to_a_later_document_is_omitted(
    database: Database, second: Database, second_url: str
) -> None:
    user_id = await make_large_user(database, documents=2, chunks_each=1, conversations=1, messages_each=1)
    lines = lines_of(await exported(database, user_id))
    document, conversation = (
        next(line["id"] for line in lines if line["line"] == table) for table in ("documents", "conversations")
    )
    scopes = [
        {"line": "conversation_documents", "conversation_id": conversation, "document_id": id_}
        for id_ in (document, "0198c0de-0000-7000-8000-000000000000")
    ]
    await import_user(second, file_of([*lines[:-1], *scopes, lines[-1]]))
    async with connected(second_url) as then:
        assert [str(row[0]) for row in await then.fetch("select document_id from conversation_documents")] == [document]


# --- where it is not welcome


async def test_an_existing_user_is_refused_or_replaced(database: Database, database_url: str) -> None:
    user_id = await make_large_user(database, documents=3, chunks_each=2, conversations=2, messages_each=2)
    export = await exported(database, user_id)
    async with connected(database_url) as first:
        before = await hashes(first, user_id, {})
        with pytest.raises(ConflictError, match="already exists; --replace"):
            await import_user(database, BytesIO(export))
        assert await hashes(first, user_id, {}) == before
        await first.execute("update documents set filename = 'changed' where user_id = $1", user_id)
        await import_user(database, BytesIO(export), Orders(replace=str(user_id)))
        after = await hashes(first, user_id, {})
        changed = {table for table in after if after[table] != before[table]}
        assert changed <= {"api_keys", "tenant_totals", "chunk_terms", "message_terms", "term_jobs"}


async def test_an_email_address_of_another_is_refused(database: Database, second: Database, second_url: str) -> None:
    user_id = await make_large_user(database, documents=1, chunks_each=1, conversations=0, messages_each=0)
    await make_large_user(second, documents=0, chunks_each=0, conversations=0, messages_each=0)
    with pytest.raises(ConflictError, match="another user already has the email address large7@"):
        await import_user(second, BytesIO(await exported(database, user_id)))
    async with connected(second_url) as then:
        assert await mentions(then, user_id) == {}


async def test_vectors_of_another_model_are_refused_or_omitted(
    database: Database, second: Database, second_url: str
) -> None:
    user_id = await make_large_user(database, documents=2, chunks_each=3, conversations=2, messages_each=2)
    lines = lines_of(await exported(database, user_id))
    lines[0]["embedding_model"] = "another-model"
    with pytest.raises(ConflictError, match=r"vectors of another-model with 256 dimensions.* --without-vectors"):
        await import_user(second, file_of(lines))
    imported = await import_user(second, file_of(lines), Orders(without_vectors=True))
    assert (imported.reset, imported.queued) == (2, 2)
    async with connected(second_url) as then:
        counts = {table: await then.fetchval(f"select count(*) from {table}") for table in await tenant_tables(then)}
        assert counts["chunks"] == counts["chunk_vectors"] == counts["message_vectors"] == 0
        assert (counts["ingestion_jobs"], counts["message_jobs"], counts["messages"]) == (2, 2, 4)
    # Queued documents are read from their bytes and embedded, like any upload.
    async with running_service(test_settings(), second_url) as service:
        acting = {"Cabinet-User": str(user_id)}
        for document in ok(await service.call("GET", "/documents", headers=acting))["data"]:
            for _ in range(300):
                now = ok(await service.call("GET", f"/documents/{document['id']}", headers=acting))
                if now["status"] != "processing":
                    break
                await asyncio.sleep(0.05)
            assert now["status"] == "ready", now


# --- the commands


async def test_the_commands_move_a_user_through_a_pipe(database: Database, database_url: str, second_url: str) -> None:
    user_id = await make_large_user(database, documents=5, chunks_each=20, conversations=3, messages_each=4)
    await collect(database, user_id)

    def move() -> tuple[subprocess.CompletedProcess[str], int]:
        export = subprocess.Popen(
            [*CABINET, "export", str(user_id)],
            env=clean_environment(DATABASE_URL=database_url, CABINET_LOG_LEVEL="error"),
            stdout=subprocess.PIPE,
        )
        done = subprocess.run(
            [*CABINET, "import", "--with-usage", "-"],
            env=clean_environment(DATABASE_URL=second_url, CABINET_LOG_LEVEL="error"),
            stdin=export.stdout, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert export.stdout is not None
        export.stdout.close()
        return done, export.wait()

    done, code = await asyncio.to_thread(move)
    assert (done.returncode, code) == (0, 0), done.stderr
    assert "       100 chunks\n" in done.stdout
    assert done.stdout.endswith(f"cabinet key create {user_id}\n")
    async with connected(database_url) as first, connected(second_url) as then:
        before, after = await hashes(first, user_id, LEFT_OUT), await hashes(then, user_id, LEFT_OUT)
        # The readers of a collection are not part of an export, so an import shares nothing.
        assert before.pop("collection_readers") != after.pop("collection_readers")
        assert await then.fetchval("select count(*) from collection_readers") == 0
        assert after == before


async def collect(database: Database, user_id: UUID) -> None:
    """Make a shared collection of two documents, which were added in a batch."""
    collection = await database.one(
        "collections/create", user_id=user_id, name="Sea", description=None, metadata={},
        expires_after_s=None, max_collections=1,
    )  # fmt: skip
    assert collection is not None
    batch = await database.one("file_batches/create", user_id=user_id, collection_id=collection.id)
    assert batch is not None
    files = [{"document_id": str(id_of(1, number)), "attributes": {"number": number}} for number in (1, 2)]
    added = await database.many(
        "collection_files/add",
        user_id=user_id, collection_id=collection.id, batch_id=batch.id, files=files, max_rows=2,
    )  # fmt: skip
    assert len(added) == 2
    reader_id = await make_user(database, "reader@example.org")
    shared = await database.one(
        "collection_readers/add", user_id=user_id, collection_id=collection.id, reader_id=reader_id, max_readers=1
    )
    assert shared is not None
