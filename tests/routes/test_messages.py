from __future__ import annotations

import asyncio
import json
import threading
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from svc.ingest.tokens import count_tokens
from svc.routes import new_messages
from tests.routes.answers import done, ok, problem, statements
from tests.routes.tenants import Tenant, direct_connection

MESSAGE_FIELDS = {
    "id", "conversation_id", "position", "role", "content", "metadata", "sources", "token_count", "created_at",
}  # fmt: skip
SOURCE_FIELDS = {"chunk_id", "document_id", "filename", "chunk_index", "content", "state"}
LONG = " ".join(f"Sentence {number} speaks of subject {number * 7}." for number in range(60))


async def messages_path(tenant: Tenant) -> str:
    return f"/conversations/{(await tenant.conversation())['id']}/messages"


async def everything(tenant: Tenant, path: str) -> list[dict[str, Any]]:
    """Read all messages of a conversation page by page, and check that its count is equal."""
    found: list[dict[str, Any]] = []
    after: str | None = "0"
    while after is not None:
        page = ok(await tenant.get(path, params={"limit": 100, "after": after}))
        found += page["data"]
        assert page["next"] != after, "the pages never end"
        after = page["next"]
    conversation = ok(await tenant.get(path.removesuffix("/messages")))
    assert conversation["message_count"] == len(found)
    return found


async def test_one_message(tenant: Tenant) -> None:
    path = await messages_path(tenant)
    content = "Wie groß ist der Mond? 🌙\n\n\tUnd warum?"
    appended = ok(await tenant.post(path, json={"role": "user", "content": content}), 201)
    assert appended.keys() == {"data"}
    (message,) = appended["data"]
    assert message.keys() == MESSAGE_FIELDS
    assert path == f"/conversations/{message['conversation_id']}/messages"
    assert (message["position"], message["role"], message["content"]) == (1, "user", content)
    assert message["sources"] == []
    assert message["token_count"] == count_tokens(content) > 5
    assert datetime.fromisoformat(message["created_at"]).tzinfo is not None
    assert await everything(tenant, path) == [message]


async def test_a_list_is_appended_in_order_in_one_statement(tenant: Tenant) -> None:
    path = await messages_path(tenant)
    roles = ["system", "user", "assistant", "tool"] * 250
    body = [{"role": role, "content": f"number {number}"} for number, role in enumerate(roles)]
    answer = await tenant.post(path, json=body)
    assert statements(answer) <= 2
    appended = ok(answer, 201)["data"]
    assert [message["content"] for message in appended] == [message["content"] for message in body]
    assert [message["role"] for message in appended] == roles
    assert [message["position"] for message in appended] == list(range(1, 1001))
    ok(await tenant.post(path, json={"role": "user", "content": "later"}), 201)
    read = await everything(tenant, path)
    assert read[:-1] == appended
    assert (read[-1]["position"], read[-1]["content"]) == (1001, "later")


async def test_appending_updates_the_conversation(tenant: Tenant) -> None:
    path = await messages_path(tenant)
    before = ok(await tenant.get(path.removesuffix("/messages")))
    ok(await tenant.post(path, json={"role": "user", "content": "Hello"}), 201)
    after = ok(await tenant.get(path.removesuffix("/messages")))
    assert after["updated_at"] > before["updated_at"]
    assert after == {**before, "message_count": 1, "updated_at": after["updated_at"]}


async def test_an_empty_conversation_has_no_messages(tenant: Tenant) -> None:
    assert ok(await tenant.get(await messages_path(tenant))) == {"data": [], "next": None}


ONE_WRONG: list[tuple[Any, str]] = [
    ({"content": "a"}, "role"),
    ({"role": "user"}, "content"),
    ({"role": "robot", "content": "a"}, "role"),
    ({"role": "user", "content": ""}, "content"),
    ({"role": "user", "content": None}, "content"),
    ({"role": "user", "content": "nul\x00"}, "content"),
    ({"role": "user", "content": "x" * 1_000_001}, "content"),
    ({"role": "user", "content": "a", "sources": "all"}, "sources"),
    ({"role": "user", "content": "a", "sources": ["no-uuid"]}, "sources[0]"),
    ({"role": "user", "content": "a", "sources": [str(uuid4())] * 101}, "sources"),
    ({"role": "user", "content": "a", "position": 7}, "position"),
    ({"role": "user", "content": "a", "token_count": -1}, "token_count"),
    ({"role": "user", "content": "a", "token_count": 10_000_001}, "token_count"),
    ({"role": "user", "content": "a", "token_count": 1.5}, "token_count"),
    ([], "(body)"),
    ([{"role": "user", "content": "a"}] * 1001, "(body)"),
    ([{"role": "user", "content": "a"}, {"role": "user"}], "[1].content"),
    ([{"role": "user", "content": "a"}, {"role": "user", "content": "nul\x00"}], "[1].content"),
    ([{"role": "user", "content": "a"}, {"role": 5, "content": "a"}], "[1].role"),
    ([{"role": "user", "content": "a"}, "Hello"], "[1]"),
    ("Hello", "(body)"),
]


@pytest.mark.parametrize(("body", "field"), ONE_WRONG, ids=[f"{field}-{n}" for n, (_, field) in enumerate(ONE_WRONG)])
async def test_a_wrong_field_is_named_and_nothing_appended(tenant: Tenant, body: Any, field: str) -> None:
    path = await messages_path(tenant)
    problem(await tenant.post(path, json=body), 422, field)
    assert await everything(tenant, path) == []


async def test_sources_keep_the_text_at_the_time_of_the_citation(tenant: Tenant) -> None:
    document = await tenant.ready_document("source.txt", LONG)
    chunks = await tenant.chunks(document["id"])
    assert len(chunks) >= 3
    # The order differs from that of the documents, and one source is repeated.
    cited = [chunks[2], chunks[2], chunks[0]]
    path = await messages_path(tenant)
    body = [
        {"role": "user", "content": "Question"},
        {"role": "assistant", "content": "Answer", "sources": [chunk["id"] for chunk in cited]},
        {"role": "assistant", "content": "More", "sources": [chunks[1]["id"]]},
    ]
    appended = ok(await tenant.post(path, json=body), 201)["data"]
    expected = [
        {
            "chunk_id": chunk["id"],
            "document_id": document["id"],
            "filename": "source.txt",
            "chunk_index": chunk["chunk_index"],
            "content": chunk["content"],
            "state": "current",
        }
        for chunk in [*cited, chunks[1]]
    ]
    assert expected[0].keys() == SOURCE_FIELDS
    assert [message["sources"] for message in appended] == [[], expected[:3], expected[3:]]
    assert await everything(tenant, path) == appended


async def test_a_citation_keeps_its_text_and_reports_that_its_document_changed_or_was_deleted(tenant: Tenant) -> None:
    """Messages are read from their list, the context, the list of conversations, and a search."""
    kept, gone = [await tenant.ready_document(f"{name}.txt", f"The {name} sentence.") for name in ("kept", "cited")]
    cited = [(await tenant.chunks(document["id"]))[0]["id"] for document in (gone, kept, gone)]
    conversation = await tenant.conversation(document_ids=[gone["id"]])
    path = f"/conversations/{conversation['id']}"
    (message,) = await tenant.say(conversation["id"], {"role": "assistant", "content": "Answer", "sources": cited})
    before = message["sources"]
    assert [(source["content"], source["state"]) for source in before] == [
        ("The cited sentence.", "current"), ("The kept sentence.", "current"), ("The cited sentence.", "current"),
    ]  # fmt: skip

    async def read() -> list[dict[str, Any]]:
        answers = [
            ok(await tenant.get(f"{path}/messages"))["data"],
            ok(await tenant.get(f"{path}/context"))["data"],
            ok(await tenant.get("/conversations?recent=1"))["data"][0]["messages"],
            ok(await tenant.post("/conversations/search", json={"query": "Answer"}))["results"],
        ]
        (sources,) = {json.dumps(messages[0]["sources"]) for messages in answers}
        return list(json.loads(sources))

    assert await read() == before
    ok(await tenant.patch(f"/documents/{gone['id']}", json={"filename": "renamed.txt"}))
    assert await read() == before, "the citation keeps the old filename and text"
    async with direct_connection(tenant.service) as connection:
        # As if the text of the document had been replaced.
        await connection.execute("delete from chunks where document_id = $1", UUID(gone["id"]))
    assert await read() == with_states(before, "changed", "current", "changed")
    done(await tenant.delete(f"/documents/{gone['id']}"))
    assert await read() == with_states(before, "deleted", "current", "deleted")
    problem(await tenant.post(f"{path}/messages", json={**message_body(), "sources": cited}), 422, "sources")


def with_states(sources: list[dict[str, Any]], *states: str) -> list[dict[str, Any]]:
    return [{**source, "state": state} for source, state in zip(sources, states, strict=True)]


async def test_citations_cost_one_statement_if_there_are_any(tenant: Tenant) -> None:
    document = await tenant.ready_document("a.txt", "A sentence.")
    chunk = (await tenant.chunks(document["id"]))[0]["id"]
    path = await messages_path(tenant)
    ok(await tenant.post(path, json=[message_body()] * 3), 201)
    assert statements(await tenant.get(path)) == 1
    ok(await tenant.post(path, json=[{**message_body(), "sources": [chunk] * 5}] * 20), 201)
    assert statements(await tenant.get(path)) == 2


def message_body() -> dict[str, Any]:
    return {"role": "user", "content": "Hello"}


async def test_the_clients_token_count_is_used(tenant: Tenant) -> None:
    path = await messages_path(tenant)
    body = [{**message_body(), "token_count": 12}, message_body(), {**message_body(), "token_count": 0}]
    appended = ok(await tenant.post(path, json=body), 201)["data"]
    assert [message["token_count"] for message in appended] == [12, count_tokens("Hello"), 0]
    assert await everything(tenant, path) == appended


@pytest.mark.parametrize("kind", ["another tenant's", "never there"])
async def test_a_bad_source_refuses_the_whole_list(tenant: Tenant, other: Tenant, kind: str) -> None:
    own = (await tenant.chunks((await tenant.ready_document("own.txt", "text"))["id"]))[0]["id"]
    bad = str(uuid4())
    if kind == "another tenant's":
        bad = (await other.chunks((await other.ready_document("theirs.txt", "text"))["id"]))[0]["id"]
    path = await messages_path(tenant)
    ok(await tenant.post(path, json={"role": "user", "content": "before"}), 201)
    before = await everything(tenant, path)
    for sources in ([[own], [bad], []], [[own, bad], [], []], [[], [], [bad, bad]]):
        body = [{"role": "user", "content": "not stored", "sources": each} for each in sources]
        problem(await tenant.post(path, json=body), 422, "sources")
        assert await everything(tenant, path) == before
    appended = ok(await tenant.post(path, json={"role": "user", "content": "after"}), 201)["data"]
    assert appended[0]["position"] == 2, "a refused list uses no positions"


async def test_64_concurrent_writers_lose_no_message_and_interleave_no_list(tenant: Tenant) -> None:
    """There are more writers than connections, and all append lists of messages to one conversation concurrently."""
    path = await messages_path(tenant)

    async def write(writer: int) -> list[dict[str, Any]]:
        appended: list[dict[str, Any]] = []
        for batch in range(4):
            body = [{"role": "user", "content": f"{writer}/{batch}/{number}"} for number in range(1 + (writer % 3))]
            appended += ok(await tenant.post(path, json=body), 201)["data"]
        return appended

    written = await asyncio.gather(*(write(writer) for writer in range(64)))
    read = await everything(tenant, path)
    assert [message["position"] for message in read] == list(range(1, len(read) + 1))
    assert sorted((message for each in written for message in each), key=lambda m: int(m["position"])) == read
    for each in written:
        positions = [message["position"] for message in each]
        assert positions == sorted(positions), "the messages of one writer stay in order"
    batches = [message["content"].rsplit("/", 1)[0] for message in read]
    changes = sum(1 for before, after in pairwise(batches) if before != after)
    assert changes + 1 == len(set(batches)) == 256, "the messages of one list are contiguous"


async def test_a_long_message_does_not_delay_other_requests(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tokens are counted outside the event loop; in this test, only after another request is answered."""
    path = await messages_path(tenant)
    counting, answered = threading.Event(), threading.Event()

    def count_slowly(_content: str) -> int:
        counting.set()
        assert answered.wait(10), "no other request was answered meanwhile"
        return 12_345

    monkeypatch.setattr(new_messages, "count_tokens", count_slowly)
    appending = asyncio.create_task(tenant.post(path, json={"role": "user", "content": "word " * 2_000}))
    assert await asyncio.to_thread(counting.wait, 10)
    ok(await tenant.get("/health/live"))
    answered.set()
    assert ok(await appending, 201)["data"][0]["token_count"] == 12_345


async def test_the_longest_message_is_accepted(tenant: Tenant) -> None:
    path, content = await messages_path(tenant), "wörd " * 200_000
    assert len(content) == 1_000_000
    message = ok(await tenant.post(path, json={"role": "user", "content": content}), 201)["data"][0]
    assert message["content"] == content
    assert message["token_count"] > 100_000
