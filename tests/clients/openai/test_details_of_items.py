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


def local_shell(action: dict[str, Any]) -> dict[str, Any]:
    return {"type": "local_shell_call", "call_id": "c", "status": "completed", "action": action}


WRONG_MEMBERS: list[tuple[str, dict[str, Any]]] = [
    ("summary[0].type", {"type": "reasoning", "summary": [{"type": "odd", "text": "a"}]}),
    ("summary[0]", {"type": "reasoning", "summary": ["a"]}),
    ("summary[0].text", {"type": "reasoning", "summary": [{"type": "summary_text"}]}),
    ("encrypted_content", {"type": "reasoning", "summary": [], "encrypted_content": 5}),
    ("queries[0]", {"type": "file_search_call", "queries": [1], "status": "completed"}),
    (
        "results[0].score",
        {"type": "file_search_call", "queries": [], "status": "completed", "results": [{"score": "a"}]},
    ),
    ("action.type", {"type": "web_search_call", "status": "completed", "action": {"type": "odd"}}),
    (
        "action.pattern",
        {"type": "web_search_call", "status": "completed", "action": {"type": "find_in_page", "url": "u"}},
    ),
    (
        "action.x",
        {
            "type": "computer_call",
            "call_id": "c",
            "pending_safety_checks": [],
            "status": "completed",
            "action": {"type": "move", "x": "left", "y": 1},
        },
    ),
    ("output.type", {"type": "computer_call_output", "call_id": "c", "output": {}}),
    (
        "outputs[0].logs",
        {
            "type": "code_interpreter_call",
            "code": "1",
            "container_id": "c",
            "status": "completed",
            "outputs": [{"type": "logs"}],
        },
    ),
    ("action.command[1]", local_shell({"type": "exec", "command": ["ls", 1], "env": {}})),
    ("action.env.A", local_shell({"type": "exec", "command": [], "env": {"A": 1}})),
    ("action.commands", {"type": "shell_call", "call_id": "c", "action": {"commands": "ls"}}),
    ("output[0].outcome", {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "", "stderr": ""}]}),
    (
        "operation.diff",
        {
            "type": "apply_patch_call",
            "call_id": "c",
            "status": "completed",
            "operation": {"type": "create_file", "path": "p"},
        },
    ),
    ("tools[0].name", {"type": "mcp_list_tools", "server_label": "s", "tools": [{"input_schema": {}}]}),
    ("output", {"type": "mcp_call", "arguments": "{}", "name": "n", "server_label": "s", "output": 5}),
    ("content[0].image_url", {"role": "user", "content": [{"type": "input_image", "image_url": {"url": "u"}}]}),
    ("content[0].file_id", {"role": "user", "content": [{"type": "input_file", "file_id": 5}]}),
    (
        "content[0].annotations[0].index",
        {
            "role": "assistant",
            "content": [
                {
                    "type": "output_text",
                    "text": "a",
                    "annotations": [{"type": "file_citation", "file_id": "f", "filename": "n"}],
                }
            ],
        },
    ),
    (
        "content[0].logprobs[0].token",
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "a", "logprobs": [{"logprob": 1, "bytes": []}]}],
        },
    ),
]


@pytest.mark.parametrize(("member", "item"), WRONG_MEMBERS, ids=[f"{n}-{m}" for n, (m, _) in enumerate(WRONG_MEMBERS)])
async def test_a_wrong_member_of_an_item_is_400(api: Api, talk: str, member: str, item: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        await api.conversations.items.create(talk, items=[item])

    assert error.value.param == f"items[0].{member}"
    assert error.value.code in ("invalid_value", "invalid_type", "missing_required_parameter")
    assert f"items[0].{member}" in error.value.message
    assert (await api.conversations.items.list(talk)).data == []
