"""The messages of a conversation: `sql/messages/`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, cast
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from svc.access.quotas import broken_quota
from svc.accounts.quotas import refused
from svc.database import rows as r
from svc.database.calls import Queries
from svc.database.failures import ConstraintError
from svc.errors import InvalidRequestError, NotFoundError, QuotaExceededError
from svc.fields.validation import Faults
from svc.fields.values import check_text
from svc.ingest.tokens import COUNTED_AT_ONCE, count_tokens
from svc.routes.citations import Source, mark_sources
from svc.routes.idempotency import once
from svc.routes.pages import Page, PositionPageQuery, one_more, page
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("messages")

MAX_TOKENS = 10_000_000
# The number of sources that are converted in a few milliseconds.
_CONVERTED_AT_ONCE = 2_000
# `messages/list` cuts a page at 4 MiB. A character has at most six bytes there, those of an escaped control character.
_CERTAINLY_WHOLE_CHARACTERS = 4 * 2**20 // 6

Role = Literal["user", "assistant", "system", "tool"]


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
    """A message to append. `sources` are ids of your chunks, as returned by a search.

    `token_count` is the count of your language model, if you know it; otherwise Cabinet counts the tokens.
    """

    role: Role
    content: Annotated[str, Meta(min_length=1, max_length=1_000_000)]
    sources: Annotated[list[UUID], Meta(max_length=100)] = []
    token_count: Annotated[int, Meta(ge=0, le=MAX_TOKENS)] | None = None


Messages = Annotated[list[AppendMessage], Meta(min_length=1, max_length=1000)]


class ContextQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The limits of the context."""

    token_budget: Annotated[int, Meta(ge=1, le=MAX_TOKENS, description="The most tokens in all messages.")] = 3000
    max_messages: Annotated[
        int, Meta(ge=1, le=1000, description="The most messages besides system messages, 1 to 1000.")
    ] = 1000


class Context(Struct, frozen=True):
    """The messages of a conversation to send to a language model, oldest first.

    `token_count` is the sum over these messages. It exceeds the budget only if the system messages alone exceed it.
    `omitted` is the number of messages that are not included.
    """

    data: list[Message]
    token_count: int
    omitted: int


class MessagesAppended(Struct, frozen=True):
    """The stored messages, in order."""

    data: list[Message]


@routes.post(
    "/conversations/{conversation_id}/messages",
    status=201,
    errors=(404,),
    body_bytes=None,
    once=True,
    example=[
        {"role": "user", "content": "How far away is the Moon?"},
        {"role": "assistant", "content": "384,400 km, on average."},
    ],
)
async def append_messages(call: Call, body: AppendMessage | Messages) -> MessagesAppended:
    """Append one message or a list of messages, all or none."""
    messages = [body] if isinstance(body, AppendMessage) else body
    is_list = not isinstance(body, AppendMessage)
    faults = Faults()
    for index, message in enumerate(messages):
        faults.check(check_text, message.content, f"[{index}].content" if is_list else "content")
    faults.raise_if_any()
    tenant, conversation_id = call.principal.tenant, call.path_id("conversation_id", "conversation")
    token_counts = await _token_counts(messages)
    try:
        async with once(call, [conversation_id.bytes, msgspec.json.encode(messages)]) as request:
            if request.earlier is not None:
                first, count = request.earlier["first"], request.earlier["count"]
                rows = await _list_all(request.queries, tenant, conversation_id, first, count)
            else:
                rows = await _append(call, request.queries, conversation_id, messages, token_counts)
                await request.keep({"first": rows[0].position, "count": len(rows)})
    except ConstraintError as error:
        if broken_quota(error.constraint) is None:
            raise
        # Another request used up the quota between the check and the insert.
        raise await refused(call.services.database, tenant, {"messages": len(messages)}) from None
    call.services.note_messages()
    return MessagesAppended(await _messages(rows))


@routes.get("/conversations/{conversation_id}/messages", errors=(404,))
async def list_messages(call: Call, query: PositionPageQuery) -> Page[Message]:
    """List the messages of a conversation in order; `after` is a position.

    A page has at most 4 MiB of text and sources, but at least one message.
    """
    database, tenant = call.services.database, call.principal.tenant
    conversation_id = call.path_id("conversation_id", "conversation")
    rows = await _list(database, tenant, conversation_id, query.after or 0, one_more(query.limit))
    is_cut = 0 < len(rows) <= query.limit and await _is_cut(database, tenant, rows)
    messages = await _messages(rows)
    return page(messages, query.limit, lambda message: message, lambda message: message.position, is_cut=is_cut)


@routes.get("/conversations/{conversation_id}/context", errors=(404,))
async def get_context(call: Call, query: ContextQuery) -> Context:
    """Get the newest messages that fit into a budget of tokens, for a language model, oldest first.

    System messages are always included, at most the newest 100, and are counted first. The newest other messages that
    fit into the rest of the budget follow, without gaps. All of them have at most 4 MiB; older ones are omitted. The
    cost does not depend on the length of the conversation.
    """
    database, tenant = call.services.database, call.principal.tenant
    conversation_id = call.path_id("conversation_id", "conversation")
    rows = await database.many(
        "messages/context",
        user_id=tenant,
        conversation_id=conversation_id,
        token_budget=query.token_budget,
        max_messages=query.max_messages,
    )
    if not rows:
        message_count = await check_conversation(database, tenant, conversation_id)
        return Context([], 0, message_count)
    await _mark(database, tenant, rows)
    messages = await _messages(rows)
    return Context(messages, sum(message.token_count for message in messages), rows[0].message_count - len(rows))


async def _append(
    call: Call, queries: Queries, conversation_id: UUID, messages: Sequence[AppendMessage], token_counts: list[int]
) -> Sequence[r.MessagesList]:
    """Store the messages and return their rows.

    Raises:
        NotFoundError: there is no such conversation.
        QuotaExceededError: the user's plan allows fewer messages.
        InvalidRequestError: a source is not a chunk of the user.
    """
    tenant = call.principal.tenant
    rows = await queries.many(
        "messages/append",
        user_id=tenant,
        conversation_id=conversation_id,
        roles=[message.role for message in messages],
        contents=[message.content for message in messages],
        token_counts=token_counts,
        source_messages=[number for number, message in enumerate(messages, start=1) for _ in message.sources],
        source_chunks=[chunk_id for message in messages for chunk_id in message.sources],
        embed=call.services.settings.embed_messages,
    )
    if not rows:
        await _explain_refusal(queries, tenant, conversation_id, messages)
    return rows


async def _list(
    queries: Queries, tenant: UUID, conversation_id: UUID, after: int, max_rows: int
) -> Sequence[r.MessagesList]:  # fmt: skip
    """List messages in order.

    Raises:
        NotFoundError: there is no such conversation.
    """
    rows = await queries.many(
        "messages/list", user_id=tenant, conversation_id=conversation_id, after=after, max_rows=max_rows
    )
    if not rows:
        await check_conversation(queries, tenant, conversation_id)
    await _mark(queries, tenant, rows)
    return rows


async def _list_all(
    queries: Queries, tenant: UUID, conversation_id: UUID, first: int, count: int
) -> Sequence[r.MessagesList]:
    """List `count` messages from a position on, in parts that fit into an answer.

    Raises:
        NotFoundError: there is no such conversation.
    """
    rows: list[r.MessagesList] = []
    while len(rows) < count:
        after = rows[-1].position if rows else first - 1
        part = await _list(queries, tenant, conversation_id, after, count - len(rows))
        if not part:
            break
        rows += part
    return rows


async def _is_cut(queries: Queries, tenant: UUID, rows: Sequence[r.MessagesList]) -> bool:
    """Whether messages follow that did not fit into the answer."""
    # Sources are cited texts; the rest of them is less than a kilobyte each.
    size = sum(len(row.content) + sum(len(source["content"]) + 1024 for source in row.sources) for row in rows)
    if size < _CERTAINLY_WHOLE_CHARACTERS:
        return False
    last = rows[-1]
    return last.position < await check_conversation(queries, tenant, last.conversation_id)


async def check_conversation(queries: Queries, tenant: UUID, conversation_id: UUID) -> int:
    """Return the number of messages of a conversation.

    Raises:
        NotFoundError: there is no such conversation.
    """
    row = await queries.one("conversations/get", user_id=tenant, conversation_id=conversation_id)
    if row is None:
        raise NotFoundError("there is no such conversation")
    message_count: int = row.message_count
    return message_count


def read_sources(row: r.MessagesList) -> list[Source]:
    """The sources of a message."""
    return msgspec.convert(row.sources, list[Source])


async def _explain_refusal(
    queries: Queries, tenant: UUID, conversation_id: UUID, messages: Sequence[AppendMessage]
) -> None:
    """Find out why nothing was appended: the conversation does not exist, a source does not, or a limit is reached.

    Raises:
        NotFoundError: there is no such conversation.
        QuotaExceededError: the user's plan allows fewer messages.
        InvalidRequestError: a source is not a chunk of the user.
    """
    await check_conversation(queries, tenant, conversation_id)
    refusal = await refused(queries, tenant, {"messages": len(messages)})
    cited = sum(len(message.sources) for message in messages)
    if isinstance(refusal, QuotaExceededError) or not cited:
        raise refusal
    raise InvalidRequestError(
        f"sources must be ids of your chunks, and one of the {cited} is not; nothing was appended", field="sources"
    )


async def _mark(queries: Queries, tenant: UUID, rows: Sequence[r.MessagesList]) -> None:
    await mark_sources(queries, tenant, (source for row in rows for source in row.sources))


async def _messages(rows: Sequence[r.MessagesList]) -> list[Message]:
    """Convert rows to messages; those with very many sources in a thread."""
    if sum(len(row.sources) for row in rows) <= _CONVERTED_AT_ONCE:
        return [_message(row) for row in rows]
    return await asyncio.to_thread(lambda: [_message(row) for row in rows])


def _message(row: r.MessagesList) -> Message:
    return Message(
        id=row.id,
        conversation_id=row.conversation_id,
        position=row.position,
        role=cast(Role, row.role),
        content=row.content,
        sources=read_sources(row),
        token_count=row.token_count,
        created_at=row.created_at,
    )


async def _token_counts(messages: Sequence[AppendMessage]) -> list[int]:
    """Count the tokens of each message. Long messages are counted in a thread, to keep the event loop responsive."""
    uncounted = sum(len(message.content) for message in messages if message.token_count is None)
    if uncounted < COUNTED_AT_ONCE:
        return [_tokens(message) for message in messages]
    return await asyncio.to_thread(lambda: [_tokens(message) for message in messages])


def _tokens(message: AppendMessage) -> int:
    return count_tokens(message.content) if message.token_count is None else message.token_count
