"""Messages in answers, and their rows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from svc.database import rows as r
from svc.database.calls import Queries
from svc.fields.chat import Content, Role, ToolCalls
from svc.routes.citations import Source, mark_sources

# The number of sources that are converted in a few milliseconds.
_CONVERTED_AT_ONCE = 2_000


class Message(Struct, frozen=True, kw_only=True):
    """One message. `position` counts from 1 within the conversation, and is not assigned again after a deletion.

    `content` is a text, a list of parts, or null. `edited_at` is set if the message was changed.
    """

    id: UUID
    conversation_id: UUID
    position: int
    role: Role
    content: Content | None
    tool_calls: ToolCalls | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    metadata: dict[str, Any]
    sources: list[Source]
    token_count: int
    created_at: datetime
    edited_at: datetime | UnsetType = UNSET


class StoredMessage(Struct, frozen=True):
    """A message as a statement returns it in JSON, with the names of the columns."""

    id: UUID
    conversation_id: UUID
    position: int
    role: str
    content: str | None
    parts: list[Any] | None
    tool_calls: list[Any] | None
    tool_call_id: str | None
    name: str | None
    metadata: dict[str, Any]
    sources: list[Any]
    token_count: int
    created_at: datetime
    edited_at: datetime | None


async def mark_messages(queries: Queries, tenant: UUID, rows: Sequence[r.MessagesList]) -> None:
    """Set the `state` of the sources of messages."""
    await mark_sources(queries, tenant, (source for row in rows for source in row.sources))


async def messages_of(rows: Sequence[r.MessagesList]) -> list[Message]:
    """Convert rows to messages; those with very many sources in a thread."""
    if sum(len(row.sources) for row in rows) <= _CONVERTED_AT_ONCE:
        return [message_of(row) for row in rows]
    return await asyncio.to_thread(lambda: [message_of(row) for row in rows])


def message_of(row: r.MessagesList | StoredMessage) -> Message:
    """Convert a row to a message."""
    return Message(**message_fields(row))


def message_fields(row: r.MessagesList | StoredMessage) -> dict[str, Any]:
    """The fields of a message; rarely used fields are UNSET if it does not use them."""
    return {
        "id": row.id,
        "conversation_id": row.conversation_id,
        "position": row.position,
        "role": cast(Role, row.role),
        "content": row.content if row.parts is None else row.parts,
        "tool_calls": UNSET if row.tool_calls is None else row.tool_calls,
        "tool_call_id": UNSET if row.tool_call_id is None else row.tool_call_id,
        "name": UNSET if row.name is None else row.name,
        "metadata": row.metadata,
        "sources": msgspec.convert(row.sources, list[Source]),
        "token_count": row.token_count,
        "created_at": row.created_at,
        "edited_at": UNSET if row.edited_at is None else row.edited_at,
    }
