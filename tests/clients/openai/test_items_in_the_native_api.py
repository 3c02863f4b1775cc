"""Items and messages are the same rows: each API shows the rows that the other has stored."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

from tests.clients.openai.api import Api, collected
from tests.clients.openai.item_samples import CALL, CITED

CALLS = [{"id": f"call_{n}", "type": "function", "function": {"name": "add", "arguments": "{}"}} for n in (1, 2)]


async def appended(native: httpx.AsyncClient, talk: str, messages: list[dict[str, Any]]) -> None:
    answer = await native.post(f"/conversations/{talk[5:]}/messages", json=messages)
    answer.raise_for_status()


async def test_messages_are_items(api: Api, talk: str, native: httpx.AsyncClient) -> None:
    await appended(
        native,
        talk,
        [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "b"}}],
            },
            {"role": "assistant", "tool_calls": CALLS},
            {"role": "tool", "tool_call_id": "call_1", "content": "3"},
            {"role": "assistant", "content": "Three.", "tool_calls": CALLS[:1]},
        ],
    )

    items = await collected(api.conversations.items.list(talk, order="asc", limit=2))

    assert [item.type for item in items] == [
        "message", "message", "function_call", "function_call", "function_call_output", "message", "function_call"
    ]  # fmt: skip
    assert [part.type for part in items[1].content] == ["input_text", "input_image"]
    assert [items[2].call_id, items[3].call_id] == ["call_1", "call_2"]
    assert (items[4].call_id, items[4].output) == ("call_1", "3")
    assert items[5].content[0].type == "output_text"
    reverse = await collected(api.conversations.items.list(talk, limit=3))
    assert [item.id for item in reverse] == [item.id for item in items[::-1]]
    for item in items:
        assert await api.conversations.items.retrieve(item.id, conversation_id=talk) == item


async def test_one_of_several_items_of_a_message_is_not_deleted_alone(
    api: Api, talk: str, native: httpx.AsyncClient
) -> None:
    await appended(native, talk, [{"role": "assistant", "tool_calls": CALLS}])
    items = await collected(api.conversations.items.list(talk))

    with pytest.raises(openai.BadRequestError, match="one of several"):
        await api.conversations.items.delete(items[0].id, conversation_id=talk)
    assert len(await collected(api.conversations.items.list(talk))) == 2


async def test_items_are_messages(api: Api, talk: str, native: httpx.AsyncClient) -> None:
    output = {"type": "function_call_output", "call_id": "call_1", "output": "3"}
    reasoning = {"type": "reasoning", "summary": []}
    cited = {"role": "assistant", "content": [CITED]}
    await api.conversations.items.create(
        talk, items=[{"role": "user", "content": "1 + 2?"}, reasoning, CALL, output, cited]
    )  # fmt: skip

    messages = (await native.get(f"/conversations/{talk[5:]}/messages")).json()["data"]
    context = (await native.get(f"/conversations/{talk[5:]}/context")).json()["data"]
    [newest] = (await native.get("/conversations?recent=5&limit=1")).json()["data"]

    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "assistant"]
    assert messages[0]["content"] == "1 + 2?"
    assert messages[1]["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": 1}'}
    assert (messages[2]["tool_call_id"], messages[2]["content"]) == ("call_1", "3")
    assert messages[3]["content"] == [CITED]
    assert context == messages == newest["messages"]
    assert newest["message_count"] == 5


async def test_other_items_are_not_messages(api: Api, talk: str, native: httpx.AsyncClient) -> None:
    [item] = (await api.conversations.items.create(talk, items=[{"type": "reasoning", "summary": []}])).data
    row_id = item.id.removeprefix("rs_")[:32]

    assert (await native.get(f"/conversations/{talk[5:]}/messages")).json() == {"data": [], "next": None}
    assert (await native.get(f"/conversations/{talk[5:]}/messages/{row_id}")).status_code == 404
    assert (await native.get(f"/conversations/{talk[5:]}/context")).json()["data"] == []
    assert len(await collected(api.conversations.items.list(talk))) == 1


async def test_an_edited_message_is_an_edited_item(api: Api, talk: str, native: httpx.AsyncClient) -> None:
    sent = {"role": "assistant", "content": "Tree.", "status": "incomplete", "id": "msg_own"}
    await api.conversations.items.create(talk, items=[sent])
    [message] = (await native.get(f"/conversations/{talk[5:]}/messages")).json()["data"]

    answer = await native.patch(f"/conversations/{talk[5:]}/messages/{message['id']}", json={"content": "Three."})
    answer.raise_for_status()

    [item] = await collected(api.conversations.items.list(talk))
    assert (item.id, item.status, item.content[0].text) == ("msg_own", "incomplete", "Three.")


async def test_items_are_exported(api: Api, talk: str, native: httpx.AsyncClient) -> None:
    await api.conversations.items.create(talk, items=[{"type": "compaction", "encrypted_content": "unmistakable"}])

    assert "unmistakable" in (await native.get("/me/export")).text
