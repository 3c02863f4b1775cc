"""Rows of messages, converted to the items that clients of the OpenAI API expect.

A message from the native API is one item, or several if it has tool calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from svc.fields.chat import ANSWERS
from svc.routes.openai.ids import Place, item_id
from svc.routes.openai.item_kinds import CALL, CUSTOM_OUTPUT, KINDS, MESSAGE, OUTPUT
from svc.routes.openai.new_items import ITEM_ROLE

Item = dict[str, Any]


class Row(Protocol):
    """The columns of `items/list`."""

    @property
    def id(self) -> UUID: ...
    @property
    def position(self) -> int: ...
    @property
    def role(self) -> str: ...
    @property
    def content(self) -> str | None: ...
    @property
    def parts(self) -> list[Any] | None: ...
    @property
    def tool_calls(self) -> list[Any] | None: ...
    @property
    def tool_call_id(self) -> str | None: ...
    @property
    def name(self) -> str | None: ...


def items_of(row: Row, extra: Item | None) -> list[Item]:
    """Return the items of a row. `extra` is its column `item`."""
    if row.role == ITEM_ROLE:
        found = [_whole(extra or {})]
    elif row.role in ANSWERS:
        found = [_output(row)]
    else:
        calls = [_call(call) for call in row.tool_calls or ()]
        has_content = row.content is not None or row.parts is not None or not calls
        found = [_message(row), *calls] if has_content else calls
    if extra is not None and row.role != ITEM_ROLE and extra.get("type") == found[0]["type"]:
        found[0] = {**found[0], **extra}
    return [_with_id(item, Place(row.id, row.position, number)) for number, item in enumerate(found)]


def _whole(item: Item) -> Item:
    output = item.get("output")
    if item.get("type") == CUSTOM_OUTPUT and isinstance(output, list):
        return {**item, "output": _parts(output, "tool")}
    return item


def _with_id(item: Item, place: Place) -> Item:
    kind = KINDS.get(item["type"])
    return {"id": item.get("id") or item_id(kind.prefix if kind else "item_", place), **_without_id(item)}


def _without_id(item: Item) -> Item:
    return {name: value for name, value in item.items() if name != "id"}


def _message(row: Row) -> Item:
    content = [_text(row.content or "", row.role)] if row.parts is None else _parts(row.parts, row.role)
    return {"type": MESSAGE, "status": "completed", "role": row.role, "content": content}


def _output(row: Row) -> Item:
    output = row.content or "" if row.parts is None else _parts(row.parts, row.role)
    return {"type": OUTPUT, "status": "completed", "call_id": row.tool_call_id or row.name, "output": output}


def _call(call: Any) -> Item:
    """Convert a tool call. An imported message can contain calls that the API does not accept."""
    call = call if isinstance(call, dict) else {}
    if isinstance(custom := call.get("custom"), dict):
        named = {"name": custom.get("name", ""), "input": custom.get("input", "")}
        return {"type": "custom_tool_call", "call_id": call.get("id", ""), **named}
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    named = {"name": function.get("name", ""), "arguments": function.get("arguments", "")}
    return {"type": CALL, "status": "completed", "call_id": call.get("id", ""), **named}


def _parts(parts: Sequence[Any], role: str) -> list[Item]:
    return [_part(part, role) if isinstance(part, dict) else _text("", role) for part in parts]


def _part(part: Item, role: str) -> Item:
    """Convert a part of a content from the form of chat completions. Parts in the form of items stay as they are."""
    match part:
        case {"type": "text", "text": str(text)}:
            return _text(text, role)
        case {"type": "image_url", "image_url": {"url": url, **rest}}:
            return {"type": "input_image", "image_url": url, "detail": rest.get("detail") or "auto"}
        case {"type": "file", "file": dict(file)}:
            return {"type": "input_file", **file}
        case {"type": "output_text"}:
            return {"annotations": [], "logprobs": [], **part}
        case {"type": "input_image" | "computer_screenshot"}:
            return {**part, "detail": part.get("detail") or "auto"}
    return part


def _text(text: str, role: str) -> Item:
    if role == "assistant":
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "input_text", "text": text}
