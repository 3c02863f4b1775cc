from __future__ import annotations

import asyncio
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from svc import batches
from tests.database.conftest import until
from tests.routes.answers import done, ok, problem, statements
from tests.routes.tenants import Tenant, direct_connection, rows_left, rows_of

CONVERSATION_FIELDS = {
    "id", "title", "document_ids", "collection_ids", "metadata", "message_count", "expires_at", "created_at",
    "updated_at",
}  # fmt: skip


async def say(tenant: Tenant, conversation_id: str, *contents: str) -> None:
    body = [{"role": "user", "content": content} for content in contents]
    ok(await tenant.post(f"/conversations/{conversation_id}/messages", json=body), 201)


async def test_an_empty_conversation(tenant: Tenant) -> None:
    created = await tenant.conversation()
    assert created.keys() == CONVERSATION_FIELDS
    assert (created["title"], created["document_ids"], created["metadata"]) == (None, [], {})
    assert created["message_count"] == 0
    assert ok(await tenant.get(f"/conversations/{created['id']}")) == created


async def test_a_conversation_reads_back_as_it_was_sent(tenant: Tenant) -> None:
    documents = [(await tenant.upload(f"{n}.txt", "text"))["id"] for n in range(3)]
    body = {"title": "Über 🦊", "document_ids": documents[::-1], "metadata": {"a": [{"b": None}]}}
    created = await tenant.conversation(**body)
    assert (created["title"], created["metadata"]) == (body["title"], body["metadata"])
    assert sorted(created["document_ids"]) == sorted(documents)
    assert ok(await tenant.get(f"/conversations/{created['id']}")) == created


async def test_a_repeated_document_is_stored_once(tenant: Tenant) -> None:
    document = (await tenant.upload("a.txt", "text"))["id"]
    created = await tenant.conversation(document_ids=[document, document.upper()])
    assert created["document_ids"] == [document]
    path = f"/conversations/{created['id']}"
    assert ok(await tenant.patch(path, json={"document_ids": [document] * 3}))["document_ids"] == [document]
    assert ok(await tenant.get(path))["document_ids"] == [document]


async def test_the_second_of_two_concurrent_changes_of_documents_wins(tenant: Tenant) -> None:
    """Both transactions have started and wait for the conversation before either has changed its documents."""
    first, second = [(await tenant.upload(f"{n}.txt", "text"))["id"] for n in range(2)]
    path = f"/conversations/{(await tenant.conversation())['id']}"
    async with direct_connection(tenant.service) as holder, direct_connection(tenant.service) as observer:
        async with holder.transaction():
            await holder.execute("select from conversations where id = $1 for update", UUID(path.rpartition("/")[2]))
            changes = []
            for waiting, document in enumerate((first, second), start=1):
                changes.append(asyncio.create_task(tenant.patch(path, json={"document_ids": [document]})))
                await until(partial(_waiting, observer, waiting))
        answers = [ok(answer)["document_ids"] for answer in await asyncio.gather(*changes)]
    assert answers == [[first], [second]]
    assert ok(await tenant.get(path))["document_ids"] in answers


async def _waiting(observer: Any, count: int) -> bool:
    """Return whether this many statements wait for a lock in this database."""
    return bool(
        count
        == await observer.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
    )


@pytest.mark.parametrize("kind", ["another tenant's", "never there"])
async def test_a_document_of_another_user_is_refused_and_nothing_stored(
    tenant: Tenant, other: Tenant, kind: str
) -> None:
    own = (await tenant.upload("own.txt", "text"))["id"]
    foreign = (await other.upload("theirs.txt", "text"))["id"] if kind == "another tenant's" else str(uuid4())
    problem(await tenant.post("/conversations", json={"document_ids": [own, foreign]}), 422, "document_ids")
    assert ok(await tenant.get("/conversations"))["data"] == []

    conversation = await tenant.conversation(title="before", document_ids=[own])
    path = f"/conversations/{conversation['id']}"
    change = {"title": "after", "metadata": {"after": True}, "document_ids": [foreign]}
    problem(await tenant.patch(path, json=change), 422, "document_ids")
    assert ok(await tenant.get(path)) == conversation
    assert (await rows_of(tenant.service, tenant.id))["conversation_documents"] == 1


async def test_a_change_keeps_omitted_fields(tenant: Tenant) -> None:
    one, two, three = [(await tenant.upload(f"{n}.txt", "text"))["id"] for n in range(3)]
    conversation = await tenant.conversation(title="Title", document_ids=[one, two], metadata={"a": 1})
    path = f"/conversations/{conversation['id']}"
    await say(tenant, conversation["id"], "Hello")
    conversation = ok(await tenant.get(path))
    changes: list[dict[str, Any]] = [
        {"title": "New"}, {"title": None}, {"title": ""}, {"metadata": {}}, {"metadata": {"b": [2]}},
        {"document_ids": [two, three]}, {"document_ids": []}, {"document_ids": [one]}, {},
    ]  # fmt: skip
    for change in changes:
        changed = ok(await tenant.patch(path, json=change))
        assert changed == {**conversation, **change, "updated_at": changed["updated_at"]}
        assert changed["updated_at"] > conversation["updated_at"]
        assert ok(await tenant.get(path)) == changed
        conversation = changed


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"title": "t" * 256}, "title"),
    ({"title": "nul\x00"}, "title"),
    ({"title": 5}, "title"),
    ({"document_ids": "all"}, "document_ids"),
    ({"document_ids": None}, "document_ids"),
    ({"document_ids": ["no-uuid"]}, "document_ids[0]"),
    ({"document_ids": [str(uuid4()), 7]}, "document_ids[1]"),
    ({"document_ids": [str(uuid4())] * 1001}, "document_ids"),
    ({"metadata": None}, "metadata"),
    ({"metadata": ["a"]}, "metadata"),
    ({"metadata": {"a": [["\x00"]]}}, "metadata.a[0][0]"),
    ({"metadata": {"text": "x" * 16_384}}, "metadata"),
    ({"message_count": 5}, "message_count"),
    ({"user_id": str(uuid4())}, "user_id"),
]


@pytest.mark.parametrize(("body", "field"), WRONG, ids=[f"{field}-{n}" for n, (_, field) in enumerate(WRONG)])
async def test_a_wrong_field_is_named(tenant: Tenant, body: dict[str, Any], field: str) -> None:
    problem(await tenant.post("/conversations", json=body), 422, field)
    conversation = await tenant.conversation(title="kept")
    problem(await tenant.patch(f"/conversations/{conversation['id']}", json=body), 422, field)
    assert ok(await tenant.get("/conversations"))["data"] == [conversation]


async def test_the_list_is_newest_first_without_messages(tenant: Tenant) -> None:
    conversations = [await tenant.conversation(title=f"{n}") for n in range(3)]
    listed = ok(await tenant.get("/conversations"))
    assert listed == {"data": conversations[::-1], "next": None}


async def test_recent_includes_the_newest_messages_of_each_in_one_statement(tenant: Tenant) -> None:
    """The conversations have every length around the limit, and their messages are interleaved in time."""
    lengths = [0, 1, 2, 3, 4, 9, 0, 5]
    conversations = [(await tenant.conversation(title=f"{length}"))["id"] for length in lengths]
    for round_ in range(max(lengths)):
        for conversation_id, length in zip(conversations, lengths, strict=True):
            if round_ < length:
                await say(tenant, conversation_id, f"message {round_ + 1} of {conversation_id}")
    for recent in (1, 3, 50):
        answer = await tenant.get("/conversations", params={"recent": recent})
        assert statements(answer) == 1
        listed = ok(answer)["data"]
        assert [conversation["id"] for conversation in listed] == conversations[::-1]
        for conversation, length in zip(listed, lengths[::-1], strict=True):
            expected = range(max(0, length - recent) + 1, length + 1)
            assert conversation["message_count"] == length
            assert [message["position"] for message in conversation["messages"]] == list(expected)
            assert [message["content"] for message in conversation["messages"]] == [
                f"message {position} of {conversation['id']}" for position in expected
            ]


async def test_recent_messages_are_the_messages_of_the_conversation(tenant: Tenant) -> None:
    document = await tenant.ready_document("a.txt", "A cited sentence.")
    chunk = (await tenant.chunks(document["id"]))[0]
    conversation = await tenant.conversation()
    path = f"/conversations/{conversation['id']}/messages"
    body = {"role": "assistant", "content": "An answer.", "sources": [chunk["id"]]}
    ok(await tenant.post(path, json=body), 201)
    recent = ok(await tenant.get("/conversations", params={"recent": 5}))["data"][0]["messages"]
    assert recent == ok(await tenant.get(path))["data"]
    assert recent[0]["sources"][0]["content"] == "A cited sentence."


@pytest.mark.parametrize("recent", ["0", "51", "-1", "all", "1.5", ""])
async def test_a_wrong_recent_is_named(tenant: Tenant, recent: str) -> None:
    problem(await tenant.get("/conversations", params={"recent": recent}), 422, "recent")


async def test_deleting_a_conversation_deletes_its_messages_and_no_document(tenant: Tenant) -> None:
    document = await tenant.ready_document("a.txt", "text")
    kept = await tenant.conversation(title="kept")
    before = await rows_left(tenant.service, tenant.id)
    conversation = await tenant.conversation(document_ids=[document["id"]])
    await say(tenant, conversation["id"], "one", "two")
    path = f"/conversations/{conversation['id']}"
    done(await tenant.delete(path))
    assert await rows_left(tenant.service, tenant.id) == before
    problem(await tenant.get(path), 404)
    problem(await tenant.get(f"{path}/messages"), 404)
    problem(await tenant.patch(path, json={"title": "x"}), 404)
    problem(await tenant.post(f"{path}/messages", json={"role": "user", "content": "x"}), 404)
    problem(await tenant.delete(path), 404)
    assert ok(await tenant.get("/conversations"))["data"] == [kept]
    assert ok(await tenant.get(f"/documents/{document['id']}")) == document


async def test_a_long_conversation_is_deleted_in_batches_or_not_at_all(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the session in the middle of the deletion: no message is missing, and the next one succeeds."""
    monkeypatch.setattr(batches, "ERASED_MESSAGES", 2)
    kept, long = await tenant.conversation(), await tenant.conversation()
    for conversation in (kept, long):
        await say(tenant, conversation["id"], *(str(number) for number in range(7)))
    path = f"/conversations/{long['id']}"
    before = ok(await tenant.get(f"{path}/messages"))["data"]
    async with (
        direct_connection(tenant.service) as holder,
        direct_connection(tenant.service) as observer,
        holder.transaction(),
    ):
        # The third batch waits for this row.
        await holder.execute(
            "select from messages where conversation_id = $1 and position = 5 for update", UUID(long["id"])
        )
        deleting = asyncio.create_task(tenant.delete(path))
        await until(partial(_waiting, observer, 1))
        await observer.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock'"
        )
        problem(await deleting, 503)
    assert ok(await tenant.get(f"{path}/messages"))["data"] == before
    done(await tenant.delete(path))
    problem(await tenant.get(path), 404)
    problem(await tenant.delete(path), 404)
    rows = await rows_of(tenant.service, tenant.id)
    assert (rows["conversations"], rows["messages"]) == (1, 7)
