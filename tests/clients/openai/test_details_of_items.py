"""Details of conversations and their items that programs rely on."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.clients.openai.api import Api, collected

CALL = {"type": "function_call", "call_id": "c1", "name": "measure", "arguments": '{"a": 1}'}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "384400"}


async def test_a_turn_with_a_tool_keeps_its_order(api: Api, talk: str) -> None:
    sent: list[dict[str, Any]] = [
        {"role": "user", "content": "How far is the Moon?"}, {"type": "reasoning", "summary": []}, CALL, OUTPUT,
        {"role": "assistant", "content": [{"type": "output_text", "text": "384,400 km", "annotations": []}]},
    ]  # fmt: skip
    made = await api.conversations.items.create(talk, items=sent)

    kinds = ["message", "reasoning", "function_call", "function_call_output", "message"]
    assert [item.type for item in made.data] == kinds
    assert (made.first_id, made.last_id, made.has_more, made.object) == (
        made.data[0].id, made.data[-1].id, False, "list",
    )  # fmt: skip
    listed = await collected(api.conversations.items.list(talk, order="asc", limit=2))
    assert [item.to_dict() for item in listed] == [item.to_dict() for item in made.data]
    assert listed[2].arguments == '{"a": 1}'
    assert listed[3].call_id == "c1"


async def test_every_value_of_include_is_taken(api: Api, talk: str) -> None:
    every: list[Any] = [
        "file_search_call.results", "web_search_call.results", "web_search_call.action.sources",
        "message.input_image.image_url", "computer_call_output.output.image_url", "code_interpreter_call.outputs",
        "reasoning.encrypted_content", "message.output_text.logprobs",
    ]  # fmt: skip
    [item] = (await api.conversations.items.create(talk, items=[{"role": "user", "content": "a"}], include=every)).data

    assert (await api.conversations.items.retrieve(item.id, conversation_id=talk, include=every)).id == item.id
    assert len(await collected(api.conversations.items.list(talk, include=every))) == 1


async def test_metadata_and_items_are_empty_or_null(api: Api) -> None:
    bodies: list[dict[str, Any]] = [{}, {"metadata": None}, {"items": None}, {"items": [], "metadata": {}}]
    for body in bodies:
        made = await api.conversations.create(**body)
        assert made.object == "conversation"
        assert made.metadata in ({}, None)
        assert await collected(api.conversations.items.list(made.id)) == []


async def test_a_deleted_item_answers_with_its_conversation(api: Api) -> None:
    made = await api.conversations.create(metadata={"a": "b"}, items=[{"role": "user", "content": "x"}])
    [item] = await collected(api.conversations.items.list(made.id))

    left = await api.conversations.items.delete(item.id, conversation_id=made.id)

    assert (left.id, left.object, left.metadata) == (made.id, "conversation", {"a": "b"})
    with pytest.raises(openai.NotFoundError):
        await api.conversations.items.delete(item.id, conversation_id=made.id)


async def test_a_cursor_of_nothing_is_400_or_404(api: Api, talk: str) -> None:
    with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as error:
        await api.conversations.items.list(talk, after="msg_nothing")
    assert error.value.type == "invalid_request_error"


async def test_a_long_text_and_odd_characters_come_back(api: Api, talk: str) -> None:
    texts = ["x" * 200_000, "a\r\nb\tc", "🎉\u200d𝒳", "  spaces  ", "\\u0041 \\n", "<b>&amp;</b>"]
    await api.conversations.items.create(talk, items=[{"role": "user", "content": text} for text in texts])

    listed = await collected(api.conversations.items.list(talk, order="asc"))

    assert [item.content[0].text for item in listed] == texts
