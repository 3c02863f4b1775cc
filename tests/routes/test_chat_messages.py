"""Messages for language models: parts, tool calls and their answers, imports of old chats."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from svc.fields.chat import MAX_VALUES
from svc.ingest.tokens import count_tokens
from svc.tenants.export import find_export
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection

CALL = {"id": "call_1", "type": "function", "function": {"name": "distance", "arguments": '{"to": "Moon"}'}}
PARTS = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
    {"type": "text", "text": "Is it the Moon?"},
]
CHAT: list[dict[str, Any]] = [
    {"role": "developer", "content": "Be brief.", "created_at": "2023-05-04T03:02:01.000006Z"},
    {"role": "user", "content": PARTS, "name": "ada", "metadata": {"channel": "web", "draft": None}},
    {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "call_2", "index": 1}]},
    {"role": "tool", "content": "384400", "tool_call_id": "call_1", "name": "distance"},
    {"role": "tool", "content": "", "tool_call_id": "call_2"},
    {"role": "function", "content": None, "name": "old_style"},
    {"role": "assistant", "content": [{"type": "text", "text": "384,400 km."}], "token_count": 3},
]
OPTIONAL = ("tool_calls", "tool_call_id", "name", "created_at", "token_count")


async def said(tenant: Tenant, chat: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """Append the chat to a new conversation. Returns its path and the stored messages."""
    path = f"/conversations/{(await tenant.conversation())['id']}"
    return path, ok(await tenant.post(f"{path}/messages", json=chat), 201)["data"]


async def test_a_chat_comes_back_as_it_was_sent_wherever_it_is_read(tenant: Tenant) -> None:
    path, appended = await said(tenant, CHAT)
    for sent, stored in zip(CHAT, appended, strict=True):
        assert stored["role"] == sent["role"]
        assert stored["content"] == sent["content"]
        assert stored["metadata"] == sent.get("metadata", {})
        assert "edited_at" not in stored
        for name in ("tool_calls", "tool_call_id", "name"):
            assert (name in stored) == (name in sent)
        assert [stored[name] for name in OPTIONAL if name in sent] == [sent[name] for name in OPTIONAL if name in sent]
    assert appended[1]["token_count"] == count_tokens("What is this?\nIs it the Moon?")
    assert appended[2]["token_count"] > 20, "the calls also count"
    assert ok(await tenant.get(f"{path}/messages"))["data"] == appended
    assert ok(await tenant.get(f"{path}/context"))["data"] == appended
    assert ok(await tenant.get("/conversations?recent=20"))["data"][0]["messages"] == appended
    for message in appended:
        assert ok(await tenant.get(f"{path}/messages/{message['id']}")) == message
    await tenant.embedded(path.rsplit("/", 1)[1])
    found = ok(await tenant.post(f"{path}/search", json={"query": "the Moon", "limit": 100}))["results"]
    by_id = {message["id"]: message for message in appended}
    assert {each["position"] for each in found} == {1, 2, 4, 7}, "texts are found, except empty ones"
    assert all(each.items() >= by_id[each["id"]].items() for each in found)
    ok(await tenant.post(f"{path}/search", json={"query": "brief", "roles": ["developer", "function"]}))


WRONG: list[tuple[Any, str]] = [
    ({"role": "user", "content": None}, "content"),
    ({"role": "user", "content": []}, "content"),
    ({"role": "assistant", "content": ""}, "content"),
    ({"role": "assistant", "tool_calls": []}, "tool_calls"),
    ({"role": "assistant", "tool_calls": [{"type": "function"}]}, "tool_calls[0].id"),
    ({"role": "assistant", "tool_calls": [{"id": 7}]}, "tool_calls[0].id"),
    ({"role": "user", "content": "a", "tool_calls": [CALL]}, "tool_calls"),
    ({"role": "user", "content": "a", "tool_call_id": "call_1"}, "tool_call_id"),
    ({"role": "tool", "content": "a", "tool_call_id": ""}, "tool_call_id"),
    ({"role": "tool", "content": "a", "tool_call_id": "nul\x00"}, "tool_call_id"),
    ({"role": "user", "content": [{"text": "a"}]}, "content[0].type"),
    ({"role": "user", "content": [{"type": "text", "text": 1}]}, "content[0].text"),
    ({"role": "user", "content": [{"type": "text", "text": "nul\x00"}]}, "content[0].text"),
    ({"role": "user", "content": [{"type": "x", "n": 10**30}]}, "content[0].n"),
    ({"role": "user", "content": [{"type": "x"}] * 101}, "content"),
    ({"role": "user", "content": [{"type": "text", "text": "x" * 1_000_000}]}, "content"),
    ({"role": "user", "content": 5}, "content"),
    ({"role": "user", "content": "a", "name": ""}, "name"),
    ({"role": "user", "content": "a", "metadata": {"a": "nul\x00"}}, "metadata.a"),
    ({"role": "user", "content": "a", "created_at": "yesterday"}, "created_at"),
    ({"role": "user", "content": "a", "created_at": "2026-01-01T00:00:00"}, "created_at"),
    ([{"role": "user", "content": "a"}, {"role": "user", "content": [{}]}], "[1].content[0].type"),
]


@pytest.mark.parametrize(("body", "field"), WRONG, ids=[f"{field}-{n}" for n, (_, field) in enumerate(WRONG)])
async def test_a_wrong_field_is_named_and_nothing_is_appended(tenant: Tenant, body: Any, field: str) -> None:
    path, _ = await said(tenant, [{"role": "user", "content": "before"}])
    problem(await tenant.post(f"{path}/messages", json=body), 422, field)
    assert ok(await tenant.get(path))["message_count"] == 1


async def test_the_number_of_json_values_of_a_request_is_limited(tenant: Tenant) -> None:
    path, _ = await said(tenant, [{"role": "user", "content": "before"}])
    wide = {"role": "user", "content": [{"type": "x", "values": [0] * (MAX_VALUES // 2)}]}
    problem(await tenant.post(f"{path}/messages", json=[wide, wide]), 422)
    ok(await tenant.post(f"{path}/messages", json=wide), 201)


def exchange(number: int, answers: int = 1) -> list[dict[str, Any]]:
    """A question, calls, their answers, and the reply."""
    calls = [{"id": f"{number}-{n}", "type": "function"} for n in range(answers)]
    return [
        {"role": "user", "content": "question", "token_count": 1},
        {"role": "assistant", "tool_calls": calls, "token_count": 1},
        *({"role": "tool", "content": "answer", "tool_call_id": call["id"], "token_count": 1} for call in calls),
        {"role": "assistant", "content": "reply", "token_count": 1},
    ]


@pytest.mark.parametrize("limit", ["token_budget", "max_messages"])
async def test_a_context_has_no_answer_of_a_tool_without_its_call(tenant: Tenant, limit: str) -> None:
    chat = [{"role": "system", "content": "rule", "token_count": 0}]
    chat += [message for number in range(5) for message in exchange(number, answers=1 + number)]
    path, appended = await said(tenant, chat)
    total, cut = len(chat) - 1, 0
    for most in range(1, total + 1):
        context = ok(await tenant.get(f"{path}/context", params={limit: most}))
        kept = [message for message in context["data"] if message["role"] != "system"]
        newest = appended[1:][-most:]
        begin = next(index for index, message in enumerate(newest) if message["role"] != "tool")
        assert kept == newest[begin:], "the newest that fit, beginning with a complete exchange"
        assert context["omitted"] == total - len(kept)
        assert context["token_count"] == len(kept)
        cut += begin > 0
    assert cut == 15, "one of the limits separates each answer from its call"


async def test_an_answer_whose_call_was_deleted_is_left_out_of_the_context(tenant: Tenant) -> None:
    path, appended = await said(tenant, exchange(0) + exchange(1))
    done(await tenant.delete(f"{path}/messages/{appended[1]['id']}"))
    context = ok(await tenant.get(f"{path}/context"))
    assert [message["position"] for message in context["data"]] == [1, 4, 5, 6, 7, 8]
    assert context["omitted"] == 1


async def test_an_answer_without_an_id_is_left_out_if_it_would_come_first(tenant: Tenant) -> None:
    chat = [
        {"role": role, "content": "x", "token_count": 1} for role in ("user", "assistant", "function", "tool", "user")
    ]
    path, _ = await said(tenant, chat)
    for budget, positions in ((1, [5]), (2, [5]), (3, [5]), (4, [2, 3, 4, 5]), (5, [1, 2, 3, 4, 5])):
        context = ok(await tenant.get(f"{path}/context", params={"token_budget": budget}))
        assert [message["position"] for message in context["data"]] == positions


async def test_developer_messages_are_always_in_the_context(tenant: Tenant) -> None:
    chat = [{"role": "developer", "content": "rule"}, *({"role": "user", "content": "x"} for _ in range(200))]
    path, appended = await said(tenant, chat)
    context = ok(await tenant.get(f"{path}/context", params={"token_budget": 1}))
    assert context["data"] == appended[:1]


# --- editing and deleting


async def test_a_message_can_be_edited(tenant: Tenant) -> None:
    path, (first, second, third) = await said(
        tenant, [{"role": "user", "content": "one"}, exchange(0)[1], {"role": "user", "content": "three"}]
    )
    place = f"{path}/messages/{first['id']}"
    edited = ok(await tenant.patch(place, json={"content": PARTS, "name": "ada", "metadata": {"a": 1}}))
    count = count_tokens("What is this?\nIs it the Moon?")
    assert edited.pop("edited_at") > first["created_at"]
    assert edited == {**first, "content": PARTS, "name": "ada", "metadata": {"a": 1}, "token_count": count}
    again = ok(await tenant.patch(place, json={"name": None, "content": "uno", "token_count": 77}))
    assert again == {
        **first,
        "content": "uno",
        "metadata": {"a": 1},
        "token_count": 77,
        "edited_at": again["edited_at"],
    }
    assert ok(await tenant.patch(place, json={"metadata": {}}))["token_count"] == 77, "the count belongs to the text"
    place = f"{path}/messages/{second['id']}"
    problem(await tenant.patch(place, json={"tool_calls": None}), 422, "content")
    assert ok(await tenant.patch(place, json={"tool_calls": None, "content": "done"}))["content"] == "done"
    listed = ok(await tenant.get(f"{path}/messages"))["data"]
    assert [message["content"] for message in listed] == ["uno", "done", "three"]
    assert listed[2] == third
    for body in ({"role": "system"}, {"content": ""}, {"content": "nul\x00"}, {"position": 9}, {"metadata": None}):
        problem(await tenant.patch(place, json=body), 422)


async def test_a_change_requires_the_version_that_was_read(tenant: Tenant) -> None:
    path, (message,) = await said(tenant, [{"role": "user", "content": "one"}])
    place = f"{path}/messages/{message['id']}"
    read = await tenant.get(place)
    first = {"If-Match": read.headers["etag"]}
    assert (await tenant.get(place, headers={"If-None-Match": read.headers["etag"]})).status_code == 304
    edited = await tenant.patch(place, json={"content": "two"}, headers=first)
    assert ok(edited)["content"] == "two"
    problem(await tenant.patch(place, json={"content": "three"}, headers=first), 412)
    problem(await tenant.delete(place, headers=first), 412)
    assert ok(await tenant.get(place))["content"] == "two"
    done(await tenant.delete(place, headers={"If-Match": edited.headers["etag"]}))


async def test_positions_are_not_assigned_again(tenant: Tenant) -> None:
    path, messages = await said(tenant, [{"role": "user", "content": str(n)} for n in range(1, 6)])
    for index in (4, 1):
        done(await tenant.delete(f"{path}/messages/{messages[index]['id']}"))
        problem(await tenant.delete(f"{path}/messages/{messages[index]['id']}"), 404)
        problem(await tenant.get(f"{path}/messages/{messages[index]['id']}"), 404)
        problem(await tenant.patch(f"{path}/messages/{messages[index]['id']}", json={"content": "x"}), 404)
    assert ok(await tenant.get(path))["message_count"] == 3
    (added,) = ok(await tenant.post(f"{path}/messages", json={"role": "user", "content": "6"}), 201)["data"]
    assert added["position"] == 6
    listed = ok(await tenant.get(f"{path}/messages"))["data"]
    assert [message["position"] for message in listed] == [1, 3, 4, 6]
    for message in listed:
        done(await tenant.delete(f"{path}/messages/{message['id']}"))
    assert ok(await tenant.get(path))["message_count"] == 0
    (added,) = ok(await tenant.post(f"{path}/messages", json={"role": "user", "content": "7"}), 201)["data"]
    assert added["position"] == 7


async def test_an_edited_message_is_found_by_its_new_text_only(tenant: Tenant) -> None:
    path, messages = await said(
        tenant, [{"role": "user", "content": f"The {word} is here."} for word in ("harbour", "telescope", "violin")]
    )
    conversation_id = path.rsplit("/", 1)[1]
    await tenant.embedded(conversation_id)

    async def best(query: str) -> tuple[int, float]:
        found = ok(await tenant.post(f"{path}/search", json={"query": query, "limit": 1}))["results"]
        return found[0]["position"], found[0]["similarity"]

    before = await best("harbour")
    assert before[0] == 1
    ok(await tenant.patch(f"{path}/messages/{messages[0]['id']}", json={"content": "Bread and butter."}))
    await tenant.embedded(conversation_id)
    assert (await best("harbour"))[1] < before[1]
    assert (await best("bread"))[0] == 1
    ok(await tenant.patch(f"{path}/messages/{messages[1]['id']}", json={"metadata": {"a": 1}}))
    assert await vectors(tenant, conversation_id) == [1, 2, 3], "the vectors stay if the text does"
    done(await tenant.delete(f"{path}/messages/{messages[2]['id']}"))
    assert await vectors(tenant, conversation_id) == [1, 2]


async def vectors(tenant: Tenant, conversation_id: str) -> list[int]:
    async with direct_connection(tenant.service) as connection:
        rows = await connection.fetch(
            "select position from message_vectors where conversation_id = $1 order by 1", conversation_id
        )
    return [row["position"] for row in rows]


async def test_an_export_has_all_columns_and_the_last_position(tenant: Tenant) -> None:
    path, messages = await said(tenant, CHAT)
    done(await tenant.delete(f"{path}/messages/{messages[0]['id']}"))
    export = await find_export(tenant.service.services.database, UUID(tenant.id))
    lines = [json.loads(line) async for page in export.pages() for line in page.splitlines()]
    (conversation,) = [line for line in lines if line["line"] == "conversations"]
    assert (conversation["message_count"], conversation["deleted_message_count"]) == (6, 1)
    exported = [line for line in lines if line["line"] == "messages"]
    assert [line["position"] for line in exported] == [2, 3, 4, 5, 6, 7]
    assert exported[0]["parts"] == PARTS
    assert exported[1]["tool_calls"] == CHAT[2]["tool_calls"]
