"""The messages of a conversation: `sql/messages/`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from svc.database.queries import Row
from svc.errors import InvalidRequestError, NotFoundError
from svc.http import Call
from svc.ingest.tokens import count_tokens
from svc.routes.pages import Page, PositionPageQuery, one_more, page
from svc.routing import Routes
from svc.values import check_text

routes = Routes("messages")

# Characters whose tokens are counted in about a millisecond.
_COUNTED_AT_ONCE = 4_000

Role = Literal["user", "assistant", "system", "tool"]


class Source(Struct, frozen=True):
    """A chunk that a message cites, with what it said when it was cited."""

    chunk_id: UUID
    document_id: UUID
    filename: str
    chunk_index: int
    content: str


class Message(Struct, frozen=True):
    """One message. `position` counts from 1 within the conversation."""

    id: UUID
    conversation_id: UUID
    position: int
    role: Role
    content: str
    sources: list[Source]
    token_count: int
    created_at: datetime


class AppendMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """A message to append. `sources` are ids of your chunks, as a search gives them."""

    role: Role
    content: Annotated[str, Meta(min_length=1, max_length=1_000_000)]
    sources: Annotated[list[UUID], Meta(max_length=100)] = []


Messages = Annotated[list[AppendMessage], Meta(min_length=1, max_length=1000)]


class MessagesAppended(Struct, frozen=True):
    """The messages as they are stored, in their order."""

    data: list[Message]


@routes.post(
    "/conversations/{conversation_id}/messages",
    status=201,
    errors=(404,),
    example=[
        {"role": "user", "content": "How far away is the Moon?"},
        {"role": "assistant", "content": "384,400 km, on average."},
    ],
)
async def append_messages(call: Call, body: AppendMessage | Messages) -> MessagesAppended:
    """Append one message or a list of them, all or none."""
    messages = [body] if isinstance(body, AppendMessage) else body
    is_list = not isinstance(body, AppendMessage)
    for index, message in enumerate(messages):
        check_text(message.content, f"[{index}].content" if is_list else "content")
    conversation_id = call.path_id("conversation_id", "conversation")
    rows = await call.services.database.many(
        "messages/append",
        user_id=call.principal.tenant,
        conversation_id=conversation_id,
        roles=[message.role for message in messages],
        contents=[message.content for message in messages],
        token_counts=await _token_counts([message.content for message in messages]),
        source_messages=[number for number, message in enumerate(messages, start=1) for _ in message.sources],
        source_chunks=[chunk_id for message in messages for chunk_id in message.sources],
    )
    if not rows:
        await _explain_refusal(call, conversation_id, messages)
    return MessagesAppended([_message(row) for row in rows])


@routes.get("/conversations/{conversation_id}/messages", errors=(404,))
async def list_messages(call: Call, query: PositionPageQuery) -> Page[Message]:
    """List the messages of a conversation in their order; `after` is a position."""
    conversation_id = call.path_id("conversation_id", "conversation")
    rows = await call.services.database.many(
        "messages/list",
        user_id=call.principal.tenant,
        conversation_id=conversation_id,
        after=query.after or 0,
        max_rows=one_more(query.limit),
    )
    if not rows:
        await _check_conversation(call, conversation_id)
    return page(rows, query.limit, _message, cursor="position")


async def _explain_refusal(call: Call, conversation_id: UUID, messages: Sequence[AppendMessage]) -> None:
    """Nothing was appended: say whether for want of the conversation or of a source."""
    await _check_conversation(call, conversation_id)
    cited = sum(len(message.sources) for message in messages)
    raise InvalidRequestError(f"one of the {cited} is no chunk of yours; nothing was appended", field="sources")


async def _check_conversation(call: Call, conversation_id: UUID) -> None:
    row = await call.services.database.one(
        "conversations/get", user_id=call.principal.tenant, conversation_id=conversation_id
    )
    if row is None:
        raise NotFoundError("there is no such conversation")


def _message(row: Row) -> Message:
    return Message(**{**row, "sources": msgspec.convert(row["sources"], list[Source])})


async def _token_counts(contents: list[str]) -> list[int]:
    """Tokens of each text; long ones are counted beside the event loop, so that others are answered meanwhile."""
    if sum(map(len, contents)) < _COUNTED_AT_ONCE:
        return [count_tokens(content) for content in contents]
    return await asyncio.to_thread(lambda: [count_tokens(content) for content in contents])
