"""Lists of conversations: `sql/conversations/list*.sql`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from svc.database import rows as r
from svc.errors import InvalidRequestError
from svc.filters.columns import CONVERSATION_FIELDS
from svc.routes.citations import mark_sources
from svc.routes.conversations import Conversation, conversation_of
from svc.routes.listings import MAX_COUNT, Listing, ListQuery, read_listing
from svc.routes.pages import Limit, Page, counted, one_more, page
from svc.routes.stored_messages import StoredMessage, message_of
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("conversations")

ConversationSort = Literal["created_at", "-created_at", "updated_at", "-updated_at"]
Recent = Annotated[int, Meta(ge=1, le=50, description="Newest messages of each conversation, 1 to 50.")]


class ConversationsQuery(ListQuery, frozen=True, forbid_unknown_fields=True):
    """The page of conversations to list, and the number of newest messages to include for each.

    `filter` is a filter in JSON. `recent` cannot be combined with `ids`, `filter` or `sort`.
    """

    limit: Limit = 20
    sort: ConversationSort | None = None
    recent: Recent | None = None


@routes.get("/conversations")
async def list_conversations(call: Call, query: ConversationsQuery) -> Page[Conversation]:
    """List your conversations, newest first or in the order of `sort`; all, or those with `ids` or `filter`.

    `recent=N` includes the N newest messages of each. If they exceed 4 MiB, the page is shorter than `limit`; if those
    of one conversation do, only the newest that fit are included.
    """
    listing = read_listing(query, query.sort, CONVERSATION_FIELDS)
    listed = await _list(call, query, listing) if query.recent is None else await _recent(call, query, listing)
    if not query.count:
        return listed
    count = await call.services.database.value(
        "conversations/count_matching",
        user_id=call.principal.tenant,
        conversation_ids=listing.ids,
        filters=listing.filters,
        max_count=MAX_COUNT + 1,
    )
    return counted(listed, count, MAX_COUNT)


async def _list(call: Call, query: ConversationsQuery, listing: Listing) -> Page[Conversation]:
    database, tenant, max_rows = call.services.database, call.principal.tenant, one_more(query.limit)
    after = listing.after
    rows: Sequence[r.ConversationsGet]
    if listing.is_plain:
        rows = await database.many("conversations/list", user_id=tenant, after=after.id, max_rows=max_rows)
    else:
        rows = await database.many(
            "conversations/list_matching",
            user_id=tenant,
            conversation_ids=listing.ids,
            filters=listing.filters,
            sort=listing.order.field,
            descending=listing.order.is_descending,
            after=after.id,
            after_time=after.time,
            max_rows=max_rows,
        )
    return page(rows, query.limit, conversation_of, listing.cursor)


async def _recent(call: Call, query: ConversationsQuery, listing: Listing) -> Page[Conversation]:
    if not listing.is_plain:
        raise InvalidRequestError("recent cannot be combined with ids, filter or sort; omit it", field="recent")
    assert query.recent is not None
    database, tenant = call.services.database, call.principal.tenant
    recent = await database.many(
        "conversations/list_with_recent",
        user_id=tenant,
        after=listing.after.id,
        max_rows=one_more(query.limit),
        recent=query.recent,
    )
    messages = (message for row in recent for message in row.messages)
    await mark_sources(database, tenant, (source for message in messages for source in message["sources"]))
    # A page can contain thousands of messages with their sources.
    is_cut = any(row.has_more for row in recent[:1])
    return await asyncio.to_thread(page, recent, query.limit, _with_messages, listing.cursor, is_cut=is_cut)


def _with_messages(row: r.ConversationsListWithRecent) -> Conversation:
    stored = msgspec.convert(row.messages, list[StoredMessage])
    return conversation_of(row, [message_of(message) for message in stored])
