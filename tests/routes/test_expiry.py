"""The expiry of documents and conversations, and the sweep that deletes them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from svc import batches
from svc.background import Background
from svc.database.queries import Database
from svc.errors import UnavailableError
from svc.jobs import sweep
from svc.jobs.long_conversations import delete_long_expired
from svc.metrics import REGISTRY
from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of

LATER = "2999-01-01T00:00:00Z"
MESSAGE = {"role": "user", "content": "Hello"}
KINDS = pytest.mark.parametrize("kind", ["documents", "conversations"])


async def made(tenant: Tenant, kind: str, **values: Any) -> dict[str, Any]:
    """Create a document or a conversation."""
    if kind == "documents":
        answer = await tenant.post("/documents", json={"filename": "a.txt", "content": "Some text.", **values})
        return dict(ok(answer, 202))
    return dict(ok(await tenant.post("/conversations", json=values), 201))


async def let_expire(service: Service, kind: str, *ids: str) -> None:
    """Set documents or conversations to expired."""
    async with direct_connection(service) as connection:
        await connection.execute(
            f"update {kind} set expires_at = now() - interval '1 second' where id = any($1)", [UUID(id_) for id_ in ids]
        )


async def sweep_of(kind: str, database: Database) -> int:
    """Run one batch of the sweep and return the number of deleted rows."""
    return await (sweep.sweep_documents if kind == "documents" else sweep.sweep_conversations)(database)


@KINDS
async def test_an_expiry_is_set_changed_and_removed(idle: Service, kind: str) -> None:
    tenant = await new_tenant(idle)
    unlimited = await made(tenant, kind)
    assert unlimited["expires_at"] is None
    thing = await made(tenant, kind, expires_at="2999-01-01T02:00:00+02:00")
    path = f"/{kind}/{thing['id']}"
    assert thing["expires_at"] == LATER
    assert ok(await tenant.get(path))["expires_at"] == LATER
    assert ok(await tenant.get(f"/{kind}"))["data"][0]["expires_at"] == LATER
    # Other changes keep the expiry.
    assert ok(await tenant.patch(path, json={"metadata": {"a": 1}}))["expires_at"] == LATER
    sooner = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert datetime.fromisoformat(ok(await tenant.patch(path, json={"expires_at": sooner}))["expires_at"]) == (
        datetime.fromisoformat(sooner)
    )
    assert ok(await tenant.patch(path, json={"expires_at": None}))["expires_at"] is None


@KINDS
async def test_an_invalid_expiry_is_refused(idle: Service, kind: str) -> None:
    tenant = await new_tenant(idle)
    thing = await made(tenant, kind)
    for wrong in ("2020-01-01T00:00:00Z", "2999-01-01T00:00:00", "tomorrow", 5, "9999-12-31T23:59:59-12:00"):
        problem(await tenant.patch(f"/{kind}/{thing['id']}", json={"expires_at": wrong}), 422, "expires_at")
        body = {"filename": "a.txt", "content": "a"} if kind == "documents" else {}
        problem(await tenant.post(f"/{kind}", json={**body, "expires_at": wrong}), 422, "expires_at")
    assert ok(await tenant.get(f"/{kind}/{thing['id']}")) == thing


async def test_an_uploaded_file_can_have_an_expiry(idle: Service) -> None:
    tenant = await new_tenant(idle)
    for moment, status in ((LATER, 202), ("2020-01-01T00:00:00Z", 422), ("soon", 422)):
        answer = await tenant.post("/documents", files={"file": ("a.txt", b"a")}, data={"expires_at": moment})
        assert answer.status_code == status, answer.text
    assert [document["expires_at"] for document in ok(await tenant.get("/documents"))["data"]] == [LATER]


async def test_expired_documents_are_deleted_with_all_their_rows(service: Service) -> None:
    tenant, other = await new_tenant(service), await new_tenant(service)
    gone = [await tenant.ready_document(f"{number}.txt", f"Text {number}.") for number in range(3)]
    kept = await tenant.ready_document("kept.txt", "This stays.")
    theirs = await other.ready_document("theirs.txt", "Theirs.")
    conversation = await tenant.conversation(document_ids=[gone[0]["id"], kept["id"]])
    await let_expire(service, "documents", gone[0]["id"], gone[1]["id"], theirs["id"])
    before = REGISTRY.get_sample_value("cabinet_expired_total", {"kind": "documents"}) or 0

    assert await sweep.sweep_documents(service.services.database) == 3
    assert await sweep.sweep_documents(service.services.database) == 0

    assert REGISTRY.get_sample_value("cabinet_expired_total", {"kind": "documents"}) == before + 3
    problem(await tenant.get(f"/documents/{gone[0]['id']}"), 404)
    left = {document["id"] for document in ok(await tenant.get("/documents"))["data"]}
    assert left == {gone[2]["id"], kept["id"]}
    found = ok(await tenant.post("/search", json={"query": "text", "limit": 100}))["results"]
    assert {result["document_id"] for result in found} == left
    assert ok(await tenant.get(f"/conversations/{conversation['id']}"))["document_ids"] == [kept["id"]]
    rows = await rows_of(service, tenant.id)
    assert (rows["document_contents"], rows["chunks"], rows["chunk_vectors"]) == (2, 2, 2)
    assert not (await rows_of(service, other.id)).keys() & {"documents", "chunks", "chunk_vectors"}
    async with direct_connection(service) as connection:
        counts = "select document_count, chunk_count from tenant_totals order by user_id"
        assert [tuple(row) for row in await connection.fetch(counts)] == [(2, 2), (0, 0)]


async def test_expired_conversations_are_deleted_with_their_messages(idle: Service) -> None:
    tenant = await new_tenant(idle)
    gone, kept = await tenant.conversation(), await tenant.conversation()
    for conversation in (gone, kept):
        ok(await tenant.post(f"/conversations/{conversation['id']}/messages", json=MESSAGE), 201)
    assert (await rows_of(idle, tenant.id))["message_jobs"] == 2
    await let_expire(idle, "conversations", gone["id"])
    assert await sweep.sweep_conversations(idle.services.database) == 1
    problem(await tenant.get(f"/conversations/{gone['id']}"), 404)
    rows = await rows_of(idle, tenant.id)
    assert (rows["conversations"], rows["messages"], rows["message_jobs"]) == (1, 1, 1)


@KINDS
async def test_the_sweep_deletes_in_small_batches(idle: Service, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_EXPIRED_AT_ONCE", 4)
    tenants = [await new_tenant(idle) for _ in range(2)]
    ids = [(await made(tenant, kind))["id"] for tenant in tenants for _ in range(5)]
    await let_expire(idle, kind, *ids)
    assert [await sweep_of(kind, idle.services.database) for _ in range(4)] == [4, 4, 2, 0]


async def test_many_messages_are_deleted_in_several_statements(idle: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of one statement is bounded, whatever the number of messages that have expired."""
    tenant = await new_tenant(idle)
    ids = [(await made(tenant, "conversations"))["id"] for _ in range(5)]
    async with direct_connection(idle) as connection:
        await connection.execute("update conversations set message_count = 9000")
    await let_expire(idle, "conversations", *ids)
    sizes = []
    value = Database.value_by_name

    async def noting(self: Database, name: str, arguments: Mapping[str, Any]) -> Any:
        sizes.append(len(arguments["conversation_ids"]))
        return await value(self, name, arguments)

    monkeypatch.setattr(Database, "value_by_name", noting)
    assert await sweep.sweep_conversations(idle.services.database) == 5
    assert sizes == [1] * 5


async def test_a_long_conversation_expires_whole(idle: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is deleted in parts, in one transaction that is rolled back if the conversation no longer expires."""
    monkeypatch.setattr(batches, "ERASED_MESSAGES", 2)
    tenant = await new_tenant(idle)
    gone, kept = [(await made(tenant, "conversations"))["id"] for _ in range(2)]
    for conversation in (gone, kept):
        ok(await tenant.post(f"/conversations/{conversation}/messages", json=[MESSAGE] * 5), 201)
    await let_expire(idle, "conversations", gone)
    assert await delete_long_expired(idle.services.database, UUID(tenant.id), UUID(kept)) == 0
    assert await sweep.sweep_conversations(idle.services.database) == 1
    rows = await rows_of(idle, tenant.id)
    assert (rows["conversations"], rows["messages"], rows["message_jobs"]) == (1, 5, 1)


@KINDS
async def test_the_sweep_skips_locked_rows_and_keeps_rows_whose_expiry_was_removed(idle: Service, kind: str) -> None:
    tenant = await new_tenant(idle)
    thing = await made(tenant, kind)
    await let_expire(idle, kind, thing["id"])
    async with direct_connection(idle) as connection, connection.transaction():
        await connection.execute(f"update {kind} set expires_at = null where id = $1", UUID(thing["id"]))
        assert await asyncio.wait_for(sweep_of(kind, idle.services.database), 5) == 0
    assert await sweep_of(kind, idle.services.database) == 0
    assert ok(await tenant.get(f"/{kind}/{thing['id']}"))["expires_at"] is None


async def test_the_worker_sweeps_and_continues_after_a_failure(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tenant = await new_tenant(service)
    document, conversation = await made(tenant, "documents"), await made(tenant, "conversations")
    await tenant.ended(document["id"])
    await let_expire(service, "documents", document["id"])
    await let_expire(service, "conversations", conversation["id"])

    async def failing(_: Database) -> int:
        raise UnavailableError("a test")

    monkeypatch.setattr(sweep, "sweep_documents", failing)
    sweeping = Background().keep(partial(sweep.sweep_turn, service.services.database), name="sweep")
    try:
        for _ in range(400):
            if (await tenant.get(f"/conversations/{conversation['id']}")).status_code == 404:
                break
            await asyncio.sleep(0.05)
    finally:
        await sweeping.stop()
    problem(await tenant.get(f"/conversations/{conversation['id']}"), 404)
    assert "expired documents were not deleted: a test" in caplog.text
    ok(await tenant.get(f"/documents/{document['id']}"))


async def test_a_file_expires_exactly_this_time_after_its_creation(tenant: Tenant) -> None:
    fields = {"purpose": "assistants", "expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    made = await tenant.post("/v1/files", data=fields, files={"file": ("a.txt", b"moon")})
    document = ok(await tenant.get(f"/documents/{made.json()['id'].removeprefix('file-')}"))

    created, expires = (datetime.fromisoformat(document[each]) for each in ("created_at", "expires_at"))
    assert expires - created == timedelta(seconds=3600)
