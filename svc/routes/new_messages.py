"""Messages to append: their fields, and the checks of these."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, cast
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from svc.errors import InvalidRequestError
from svc.fields.chat import (
    MAX_VALUES,
    CallId,
    Content,
    Role,
    Speaker,
    ToolCalls,
    check_content,
    check_role,
    check_tool_calls,
    count_values,
    counted_text,
    text_of,
)
from svc.fields.validation import Faults
from svc.fields.values import Metadata, Moment, check_metadata, check_moment, check_text
from svc.ingest.tokens import COUNTED_AT_ONCE, count_tokens

MAX_TOKENS = 10_000_000
# The number of JSON values that are checked in a few milliseconds.
_CHECKED_AT_ONCE = 2_000

TokenCount = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]


class AppendMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """A message to append. `sources` are ids of chunks, yours or shared with you, as returned by a search.

    `content` is a text, a list of parts, or null in a message with `tool_calls`. `tool_call_id` names the call that a
    message of the role `tool` answers. `token_count` is the count of your language model, if you know it; otherwise
    Cabinet counts the tokens. `created_at` is for older messages that you import; the default is the current time.
    """

    role: Role
    content: Content | None = None
    tool_calls: ToolCalls | None = None
    tool_call_id: CallId | None = None
    name: Speaker | None = None
    metadata: Metadata = msgspec.field(default_factory=dict)
    sources: Annotated[list[UUID], Meta(max_length=100)] = []
    token_count: TokenCount | None = None
    created_at: Moment | None = None


Messages = Annotated[list[AppendMessage], Meta(min_length=1, max_length=1000)]


def details_of(message: AppendMessage) -> dict[str, Any] | None:
    """The rarely used columns of a message; None if it uses none of them."""
    details = {
        "parts": message.content if isinstance(message.content, list) else None,
        "tool_calls": message.tool_calls,
        "tool_call_id": message.tool_call_id,
        "name": message.name,
        "metadata": message.metadata or None,
        "created_at": message.created_at,
    }
    return {name: value for name, value in details.items() if value is not None} or None


async def check_messages(messages: Sequence[AppendMessage], is_list: bool) -> None:
    """Check the fields of messages; many JSON values in a thread.

    Raises:
        InvalidFieldsError: names every wrong field.
    """
    values = [value for each in messages for value in (each.content, each.tool_calls, each.metadata)]
    count = count_values(values, MAX_VALUES)
    if count > MAX_VALUES:
        raise InvalidRequestError(
            f"the parts, tool_calls and metadata of the messages have more than {MAX_VALUES:,} JSON values; send the "
            "messages in several requests"
        )
    if count <= _CHECKED_AT_ONCE:
        _check_fields(messages, is_list)
    else:
        await asyncio.to_thread(_check_fields, messages, is_list)


def _check_fields(messages: Sequence[AppendMessage], is_list: bool) -> None:
    faults = Faults()
    for index, message in enumerate(messages):
        _check_message(faults, message, f"[{index}]." if is_list else "")
    faults.raise_if_any()


def _check_message(faults: Faults, message: AppendMessage, prefix: str) -> None:
    """Collect the faults of a message. `prefix` is its path in the request, with a dot."""
    faults.check(check_content, cast(Any, message.content), f"{prefix}content")
    faults.check(check_tool_calls, message.tool_calls, f"{prefix}tool_calls")
    faults.check(check_text, message.tool_call_id, f"{prefix}tool_call_id")
    faults.check(check_text, message.name, f"{prefix}name")
    faults.check(check_metadata, message.metadata, f"{prefix}metadata")
    faults.check(check_moment, message.created_at, f"{prefix}created_at")
    faults.check(_check_role, message, prefix)


def _check_role(message: AppendMessage, prefix: str) -> None:
    check_role(message.role, message.content, message.tool_calls, message.tool_call_id, prefix)


async def token_counts(messages: Sequence[AppendMessage]) -> list[int]:
    """Count the tokens of each message. Long messages are counted in a thread, to keep the event loop responsive."""
    texts = [_counted(message) for message in messages]
    if sum(len(text) for text in texts) < COUNTED_AT_ONCE:
        return [_tokens(message, text) for message, text in zip(messages, texts, strict=True)]
    return await asyncio.to_thread(
        lambda: [_tokens(message, text) for message, text in zip(messages, texts, strict=True)]
    )


def _counted(message: AppendMessage) -> str:
    return counted_text(text_of(message.content), message.tool_calls) if message.token_count is None else ""


def _tokens(message: AppendMessage, text: str) -> int:
    return count_tokens(text) if message.token_count is None else message.token_count
