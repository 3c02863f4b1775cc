"""The fields of a message in a chat, as language models speak it: roles, parts of content, calls of tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from svc.errors import InvalidRequestError
from svc.fields.values import check_json, check_text

MAX_CONTENT = 1_000_000
"""The maximum characters of a text, and the maximum bytes of JSON in the parts or in the calls of a message."""

MAX_VALUES = 20_000
"""The most JSON values in the parts, calls and metadata of all messages of a request."""

Role = Literal["user", "assistant", "system", "developer", "tool", "function"]
Parts = Annotated[
    list[dict[str, Any]],
    Meta(
        min_length=1,
        max_length=100,
        description='Parts of content, each an object with a `type`, such as {"type": "text", "text": "Hello"}.',
    ),
]
Content = Annotated[str, Meta(max_length=MAX_CONTENT)] | Parts
ToolCalls = Annotated[
    list[dict[str, Any]],
    Meta(min_length=1, max_length=100, description="Calls of tools, each an object with the `id` of the call."),
]
CallId = Annotated[str, Meta(min_length=1, max_length=255)]
Speaker = Annotated[str, Meta(min_length=1, max_length=255)]

ANSWERS = frozenset({"tool", "function"})
"""The roles of messages that answer a call. Their content can be empty."""


def text_of(content: str | Sequence[dict[str, Any]] | None) -> str | None:
    """Return the text of a content, of its parts one line after the other; None if it has none."""
    if content is None or isinstance(content, str):
        return content
    texts = [part["text"] for part in content if isinstance(part.get("text"), str)]
    return "\n".join(texts) if texts else None


def counted_text(content: str | None, tool_calls: Sequence[dict[str, Any]] | None) -> str:
    """Return the text whose tokens a message has: its text, and its calls as JSON."""
    calls = msgspec.json.encode(tool_calls).decode() if tool_calls else ""
    return f"{content or ''}\n{calls}" if calls else content or ""


def check_content(value: str | list[dict[str, Any]], field: str) -> None:
    """Check that PostgreSQL can store a content, and that each part has a type.

    Raises:
        InvalidRequestError: names the wrong part.
    """
    if isinstance(value, str):
        check_text(value, field)
        return
    for index, part in enumerate(value):
        if not isinstance(part.get("type"), str):
            raise InvalidRequestError(
                f'{field}[{index}].type must be a string, such as "text"', field=f"{field}[{index}].type"
            )
        if part["type"] == "text" and not isinstance(part.get("text"), str):
            raise InvalidRequestError(f"{field}[{index}].text must be a string", field=f"{field}[{index}].text")
    check_json(value, field, MAX_CONTENT)


def check_tool_calls(value: list[dict[str, Any]], field: str) -> None:
    """Check that PostgreSQL can store the calls, and that each has an id.

    Raises:
        InvalidRequestError: names the wrong call.
    """
    for index, call in enumerate(value):
        if not isinstance(call.get("id"), str) or not 1 <= len(call["id"]) <= 255:
            name = f"{field}[{index}].id"
            raise InvalidRequestError(f"{name} must be a string of 1 to 255 characters, the id of the call", field=name)
    check_json(value, field, MAX_CONTENT)


def check_role(
    role: str, content: str | list[dict[str, Any]] | None, tool_calls: object, tool_call_id: object, prefix: str
) -> None:
    """Check that a message of this role can have these fields. `prefix` is the path of the message, with its dot.

    Raises:
        InvalidRequestError: the content is missing, or a field belongs to another role.
    """
    if tool_calls is not None and role != "assistant":
        field = f"{prefix}tool_calls"
        raise InvalidRequestError(f"{field} is for messages of the role assistant, not {role}", field=field)
    if tool_call_id is not None and role != "tool":
        field = f"{prefix}tool_call_id"
        raise InvalidRequestError(f"{field} is for messages of the role tool, not {role}", field=field)
    if not content and role not in ANSWERS and tool_calls is None:
        field = f"{prefix}content"
        raise InvalidRequestError(
            f"{field} is required: a string of 1 to {MAX_CONTENT:,} characters or a list of parts. Only a message with "
            "tool_calls, or of the role tool or function, can be without",
            field=field,
        )


def count_values(values: Sequence[object], most: int) -> int:
    """Return the number of members and items in JSON values, counted no further than the first above `most`."""
    count = 0
    stack: list[Any] = list(values)
    while stack and count <= most:
        item = stack.pop()
        if isinstance(item, dict | list):
            count += len(item)
            if count <= most:
                stack += item.values() if isinstance(item, dict) else item
    return count
