"""The chaos campaign, in short, and its invariants: each detects its own violation, and no other."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from uuid import UUID

import asyncpg
import psutil
import pytest

from svc.settings import Settings
from tests.campaigns.chaos.invariants import broken, invariants
from tests.campaigns.chaos.ledger import Batch, Collection, Conversation, Document, Ledger, digest
from tests.campaigns.chaos.planted import PLANTED
from tests.campaigns.chaos.texts import text_of
from tests.conftest import PATIENCE_S, Service, running_service
from tests.lengths import length
from tests.sql.checker import ROOT
from tests.watchdog import MARK

CAMPAIGN = [sys.executable, "-m", "tests.campaigns.chaos", "--pause", "0.5", "--tenants", "2"]

# The violation that each invariant must detect: a change to a correct database.
CHANGES = {
    "collection_files_altered": "update collection_files set attributes = '{}'",
    "collection_files_lost": "update collection_files set document_id = null",
    "collection_files_unexpected": "update told_members set most_rows = 0",
    "collections_lost": "delete from collections",
    "collections_not_emptied": "update collections set expires_at = now() - interval '1 hour'",
    "collections_unexpected": "update collections set id = gen_random_uuid()",
    "conversations_lost": "delete from conversations",
    "documents_altered": "update document_contents set content = 'another text'",
    "documents_doubled": """
        insert into documents (user_id, filename, file_type, file_size, content_hash)
        select user_id, filename, file_type, file_size, content_hash from documents""",
    "documents_lost": "delete from documents",
    "documents_not_ready": "update documents set status = 'error'",
    "documents_not_whole": "delete from chunk_vectors where ctid = (select max(ctid) from chunk_vectors)",
    "documents_of_others": "update documents set user_id = gen_random_uuid()",
    "documents_partly_read": "update chunks set content = 'another text' where chunk_index = 1",
    "documents_renamed": "update documents set id = gen_random_uuid()",
    "documents_unexpected": "update documents set filename = 'another name'",
    "file_batches_lost": "delete from file_batches",
    "idempotency_keys_without_result": """
        insert into idempotency_keys (user_id, route, key, request_digest)
        select id, 'documents', 'a key', sha256('') from users""",
    "indexes_invalid": "update pg_index set indisvalid = false where indexrelid = 'messages_pkey'::regclass",
    "jobs_without_work": "insert into ingestion_jobs (user_id, document_id) select user_id, id from documents",
    "messages_doubled": """
        insert into messages (user_id, conversation_id, position, role, content, token_count)
        select user_id, conversation_id, position + 10, role, content, token_count from messages""",
    "messages_in_part": "delete from messages where position = 2",
    "messages_lost": "delete from messages where position = 1",
    "messages_out_of_order": "update messages set position = 3 where position = 2",
    "messages_unexpected": "update messages set content = 'another message' where position = 1",
    "messages_without_vector": "delete from message_vectors where position = 1",
    "readings_damaged": "update documents set filename = 'another name' where file_id is not null",
    "readings_left_over": "update collection_files as f set document_id = f.file_id",
    "readings_of_other_files": "update collection_files set document_id = gen_random_uuid()",
    "readings_of_other_sizes": """
        update documents set chunk_sizes = '{"chunk_tokens": 120, "overlap_tokens": 0}' where file_id is not null""",
    "rows_of_erased_users": "insert into told_erased select user_id from told_users",
    "rows_without_document": "delete from documents",
    "tokens_counted_twice": "update usage_days set tokens = tokens + 1",
    "totals_wrong": "update tenant_totals set chunk_count = chunk_count + 1",
    "usage_wrong": "update usage_days set requests = requests + 1",
    "users_lost": "delete from users",
}


async def _work(settings: Settings, database_url: str) -> Ledger:
    """One user with a document and a conversation, and the ledger of it."""
    ledger = Ledger()
    async with running_service(settings, database_url) as service:
        user, key = await service.user("ledger@example.com")
        ledger.users.add(user)
        text = text_of("one.txt", 1, 4, random.Random(1))
        document = await service.ready_document(key, "one.txt", text)
        told = Document(name="one.txt", owners={user}, held={user}, id=document["id"], digests={digest(text)})
        told.acknowledged()
        ledger.documents["one.txt"] = told
        created = await service.call("POST", "/conversations", key, json={"title": "one"})
        batch = Batch(contents=("a first message", "a second message"))
        body = [{"role": "user", "content": content} for content in batch.contents]
        conversation = Conversation(user=user, id=created.json()["id"], batches=[batch])
        appended = await service.call("POST", f"/conversations/{conversation.id}/messages", key, json=body)
        assert appended.status_code == 201, appended.text
        conversation.acknowledged()
        batch.acknowledged()
        ledger.conversations.append(conversation)
        created = await service.call("POST", "/collections", key, json={"name": "one"})
        collection = Collection(user=user, id=created.json()["id"], name="one")
        files = [{"document_id": document["id"], "attributes": {"name": "one.txt"}}]
        added = await service.call("POST", f"/collections/{collection.id}/batches", key, json={"files": files})
        assert added.status_code == 201, added.text
        collection.batches.append(added.json()["id"])
        collection.acknowledged()
        collection.member(told).acknowledged()
        ledger.collections.append(collection)
        await _add_in_larger_chunks(service, key, told, ledger)
        connection = await asyncpg.connect(database_url)
        async with asyncio.timeout(PATIENCE_S):
            while await connection.fetchval("select count(*) from message_jobs"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await connection.close()
    return ledger


async def _add_in_larger_chunks(service: Service, key: str, document: Document, ledger: Ledger) -> None:
    """Another collection of the document, with a reading of its own."""
    created = await service.call("POST", "/collections", key, json={"name": "two"})
    collection = Collection(user=next(iter(ledger.users)), id=created.json()["id"], name="two")
    path = f"/v1/vector_stores/vs_{UUID(collection.id).hex}/files"
    static = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
    file_id = f"file-{UUID(document.id).hex}"
    body = {"file_id": file_id, "attributes": {"name": document.name}, "chunking_strategy": static}
    added = await service.call("POST", path, key, json=body)
    assert added.status_code == 200, added.text
    async with asyncio.timeout(PATIENCE_S):
        while (await service.call("GET", f"{path}/{file_id}", key)).json()["status"] != "completed":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    collection.acknowledged()
    member = collection.member(document)
    member.acknowledged()
    member.size = 100
    ledger.collections.append(collection)


async def test_each_invariant_finds_what_it_is_there_for(settings: Settings, database_url: str) -> None:
    ledger = await _work(settings, database_url)
    connection = await asyncpg.connect(database_url)
    try:
        user = next(iter(ledger.users))
        counted = await connection.fetchrow("select sum(requests)::int8, sum(bytes)::int8 from usage_days")
        ledger.use(user, None, is_certain=False, is_stored=True, uploads=1, messages=2, bytes=counted[1])
        ledger.use(user, None, is_certain=False, is_stored=None, requests=counted[0])
        assert await broken(connection, ledger) == []
        assert CHANGES.keys() | {"sessions_left"} == invariants().keys()
        for name, change in CHANGES.items():
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("set local session_replication_role = replica")
            await connection.execute(change)
            assert await connection.fetch(invariants()[name]), f"{name} does not find: {change}"
            await transaction.rollback()
        other = await asyncpg.connect(database_url)
        assert await connection.fetch(invariants()["sessions_left"])
        await other.close()
    finally:
        await connection.close()


def test_a_short_campaign_finds_nothing_wrong() -> None:
    done = subprocess.run(
        [*CAMPAIGN, "--minutes", length("0", "0.4"), "--seed", "30"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=4 * PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 violations" in done.stdout


def test_a_campaign_that_is_interrupted_leaves_no_process_behind() -> None:
    campaign = subprocess.Popen(
        [*CAMPAIGN, "--minutes", "5", "--seed", "1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert campaign.stdout is not None
    with campaign.stdout:
        deadline = time.monotonic() + PATIENCE_S
        mine: list[psutil.Process] = []
        # Two servers, two workers, and PostgreSQL.
        while sum(map(_is_program, mine)) < 4:
            assert campaign.poll() is None and time.monotonic() < deadline, campaign.stdout.read()
            time.sleep(0.1)
            mine = _marked_children(campaign.pid)
        campaign.send_signal(signal.SIGINT)
        assert campaign.wait(PATIENCE_S) == 130, campaign.stdout.read()
    _, alive = psutil.wait_procs(mine, timeout=5)
    assert alive == []


def _marked_children(pid: int) -> list[psutil.Process]:
    return [process for process in psutil.Process(pid).children(recursive=True) if _is_marked(process)]


def _is_program(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[-1:] in (["serve"], ["worker"])
    except psutil.Error:
        return False


def _is_marked(process: psutil.Process) -> bool:
    try:
        mark = process.environ().get(MARK)
    except psutil.Error:
        return False
    return mark is not None and mark != os.environ.get(MARK)


@pytest.mark.parametrize("name", PLANTED)
def test_a_fault_can_still_be_planted(name: str) -> None:
    for change in PLANTED[name].changes:
        assert change.old in (ROOT / change.file).read_text()
