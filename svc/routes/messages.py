"""The messages of a conversation: `sql/messages/`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, cast
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from svc.access.quotas import broken_quota
from svc.accounts.quotas import refused
from svc.database import rows as r
from svc.database.calls import Queries
from svc.database.failures import ConstraintError
from svc.errors import InvalidRequestError, NotFoundError, QuotaExceededError
from svc.fields.chat import text_of
from svc.routes.histories import read_history
from svc.routes.idempotency import once
from svc.routes.new_messages import MAX_TOKENS, AppendMessage, Messages, check_messages, details_of, token_counts
from svc.routes.pages import Page, PositionPageQuery, one_more, page
from svc.routes.shared_citations import find_shared
from svc.routes.stored_messages import Message, mark_messages, messages_of
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("messages")

# `messages/list` cuts a page at 4 MiB. A character takes at most six bytes, as an escaped control character.
_CERTAINLY_WHOLE_CHARACTERS = 4 * 2**20 // 6


class ContextQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The limits of the context."""

    token_budget: Annotated[int, Meta(ge=1, le=MAX_TOKENS, description="Maximum tokens in all messages.")] = 3000
    max_messages: Annotated[
        int, Meta(ge=1, le=1000, description="Maximum messages besides system and developer ones, 1 to 1000.")
    ] = 1000


class Context(Struct, frozen=True):
    """The messages of a conversation to send to a language model, oldest first.

    `token_count` is the sum over these messages. It exceeds the budget only if the messages of the roles system and
    developer alone exceed it.
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
    await check_messages(messages, is_list)
    tenant, conversation_id = call.principal.tenant, call.path_id("conversation_id", "conversation")
    counts = await token_counts(messages)
    try:
        async with once(call, [conversation_id.bytes, msgspec.json.encode(messages)]) as request:
            if request.earlier is not None:
                first, count = request.earlier["first"], request.earlier["count"]
                rows = await _list_all(request.queries, tenant, conversation_id, first, count)
            else:
                rows = await _append(call, request.queries, conversation_id, messages, counts)
                await request.keep({"first": rows[0].position, "count": len(rows)})
    except ConstraintError as error:
        if broken_quota(error.constraint) is None:
            raise
        # Another request used up the quota between the check and the insertion.
        raise await refused(call.services.database, tenant, {"messages": len(messages)}) from None
    call.services.note_messages()
    return MessagesAppended(await messages_of(rows))


@routes.get("/conversations/{conversation_id}/messages", errors=(404,))
async def list_messages(call: Call, query: PositionPageQuery) -> Page[Message]:
    """List the messages of a conversation in order; `after` is a position.

    A page has at most 4 MiB of text and sources, but at least one message.
    """
    database, tenant = call.services.database, call.principal.tenant
    conversation_id = call.path_id("conversation_id", "conversation")
    rows = await _list(database, tenant, conversation_id, query.after or 0, one_more(query.limit))
    is_cut = 0 < len(rows) <= query.limit and await _is_cut(database, tenant, rows)
    messages = await messages_of(rows)
    return page(messages, query.limit, lambda message: message, lambda message: message.position, is_cut=is_cut)


@routes.get("/conversations/{conversation_id}/context", errors=(404,))
async def get_context(call: Call, query: ContextQuery) -> Context:
    """Get the newest messages that fit into a budget of tokens, for a language model, oldest first.

    Messages of the roles system and developer are always included, at most the newest 100, and are counted first. The
    newest other messages that fit into the rest of the budget follow. The answer of a tool is omitted if the call that
    it answers does not fit. All of them have at most 4 MiB; older ones are omitted. The cost does not depend on the
    length of the conversation.
    """
    database, tenant = call.services.database, call.principal.tenant
    conversation_id = call.path_id("conversation_id", "conversation")
    read = await read_history(database, tenant, conversation_id, query.token_budget, query.max_messages)
    await mark_messages(database, tenant, read.rows)
    messages = await messages_of(read.rows)
    return Context(messages, sum(message.token_count for message in messages), read.omitted)


async def _append(
    call: Call, queries: Queries, conversation_id: UUID, messages: Sequence[AppendMessage], counts: list[int]
) -> Sequence[r.MessagesList]:
    """Store the messages and return their rows.

    Raises:
        NotFoundError: there is no such conversation.
        QuotaExceededError: the user's plan allows fewer messages.
        InvalidRequestError: a source is neither a chunk of the user nor shared with them.
    """
    tenant = call.principal.tenant
    cited = [chunk_id for message in messages for chunk_id in message.sources]

    async def append(shared_sources: Sequence[Any] | None = None) -> Sequence[r.MessagesList]:
        return await queries.many(
            "messages/append",
            user_id=tenant,
            conversation_id=conversation_id,
            roles=[message.role for message in messages],
            # A message without text has a null in the list.
            contents=cast(Sequence[str], [text_of(message.content) for message in messages]),
            token_counts=counts,
            source_messages=[number for number, message in enumerate(messages, start=1) for _ in message.sources],
            source_chunks=cited,
            embed=call.services.settings.embed_messages,
            details=[details_of(message) for message in messages],
            shared_sources=shared_sources,
        )

    rows = await append()
    if rows:
        return rows
    refusal = await _refusal(queries, tenant, conversation_id, messages)
    # Nearly all cited chunks are the user's own; only others need a lookup of shared collections.
    shared = await find_shared(queries, tenant, cited) if isinstance(refusal, InvalidRequestError) else []
    rows = await append(shared) if any(shared) else []
    if not rows:
        raise refusal
    await mark_messages(queries, tenant, rows)
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
    await mark_messages(queries, tenant, rows)
    return rows


async def _list_all(
    queries: Queries, tenant: UUID, conversation_id: UUID, first: int, count: int
) -> Sequence[r.MessagesList]:
    """List `count` messages, starting at a position, in parts that fit into an answer.

    Raises:
        NotFoundError: there is no such conversation.
    """
    rows: list[r.MessagesList] = []
    after, last = first - 1, first + count - 1
    while after < last:
        part = await _list(queries, tenant, conversation_id, after, last - after)
        # Some may have been deleted since then, and others follow.
        rows += [row for row in part if row.position <= last]
        after = part[-1].position if part else last
    return rows


async def _is_cut(queries: Queries, tenant: UUID, rows: Sequence[r.MessagesList]) -> bool:
    """Whether messages follow that did not fit into the answer."""
    # Sources are cited texts; the rest of them is less than a kilobyte each.
    if sum(map(_size, rows)) < _CERTAINLY_WHOLE_CHARACTERS:
        return False
    last = rows[-1]
    following = await queries.many(
        "messages/list", user_id=tenant, conversation_id=last.conversation_id, after=last.position, max_rows=1
    )
    return bool(following)


def _size(row: r.MessagesList) -> int:
    """An upper bound of the number of characters of a message."""
    objects = [value for value in (row.parts, row.tool_calls, row.metadata) if value]
    others = len(msgspec.json.encode(objects)) if objects else 0
    return len(row.content or "") + others + sum(len(source["content"]) + 1024 for source in row.sources)


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


async def _refusal(
    queries: Queries, tenant: UUID, conversation_id: UUID, messages: Sequence[AppendMessage]
) -> Exception:
    """Find out why nothing was appended: either a limit is reached, or a source is not a chunk of the user.

    Raises:
        NotFoundError: there is no such conversation.
    """
    await check_conversation(queries, tenant, conversation_id)
    refusal = await refused(queries, tenant, {"messages": len(messages)})
    cited = sum(len(message.sources) for message in messages)
    if isinstance(refusal, QuotaExceededError) or not cited:
        return refusal
    return InvalidRequestError(
        f"sources must be ids of your chunks, or of some that are shared with you, and one of the {cited} is not; "
        "nothing was appended",
        field="sources",
    )
