"""`/v1/conversations/{id}/items`: the items of a conversation, which include its messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import InvalidRequestError, NotFoundError
from svc.routes.messages import check_conversation
from svc.routes.openai.conversations import Conversation, conversation_id_of, conversation_of
from svc.routes.openai.ids import Place, place_of
from svc.routes.openai.item_rows import Item, items_of
from svc.routes.openai.lists import Listed, Order, id_of_item, listed
from svc.routes.openai.new_items import GivenItems, read_items
from svc.routes.openai.stored_items import append_items, explained
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("OpenAI")

# `items/list` cuts a page at 4 MiB of the database's JSON, which has more spaces than the answer.
_CERTAINLY_WHOLE_BYTES = 2 * 2**20

Include = Literal[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]
"""Fields that a client can request. Cabinet always returns everything that was sent."""


class IncludeQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields to include."""

    include: list[Include] = []


class ItemsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The page of items: after the item with the id `after`, from the newest unless `order` is asc."""

    after: str | None = None
    include: list[Include] = []
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    order: Order = "desc"


class CreateItems(Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 20 items."""

    items: GivenItems


@routes.post(
    "/v1/conversations/{conversation_id}/items",
    errors=(404,),
    body_bytes=None,
    example={"items": [{"role": "user", "content": "How far is the Moon?"}]},
)
async def openai_create_items(call: Call, body: CreateItems, query: IncludeQuery) -> Listed[Item]:
    """Append items to a conversation, all or none."""
    conversation_id = conversation_id_of(call)
    items, counts = await read_items(body.items)
    database = call.services.database
    if not items:
        await check_conversation(database, call.principal.tenant, conversation_id)
        # The clients' type of this answer requires the ids.
        return Listed([], first_id="", last_id="", has_more=False)
    async with explained(call, {"messages": len(items)}):
        rows = await append_items(call, database, conversation_id, items, counts)
    call.services.note_messages()
    stored = [item for row, new in zip(rows, items, strict=True) for item in items_of(row, new.item)]
    return listed(stored, id_of_item, has_more=False)


@routes.get("/v1/conversations/{conversation_id}/items", errors=(404,))
async def openai_list_items(call: Call, query: ItemsQuery) -> Listed[Item]:
    """List the items of a conversation, newest first unless `order` is asc.

    A page has at most 4 MiB of items, but at least one; then `has_more` is true.
    """
    database, tenant, conversation_id = call.services.database, call.principal.tenant, conversation_id_of(call)
    descending = query.order == "desc"
    after = None if query.after is None else await _cursor(database, tenant, conversation_id, query.after)
    rows = await database.many(
        "items/list",
        user_id=tenant,
        conversation_id=conversation_id,
        from_position=None if after is None else after.position,
        descending=descending,
        # The cursor's message may have been deleted, or contain further items.
        max_rows=query.limit + 2,
    )
    if not rows:
        await check_conversation(database, tenant, conversation_id)
    items = _following(rows, after, descending)
    shown = items[: query.limit]
    has_more = len(items) > query.limit or await _is_cut(call, rows, items, descending)
    return listed(shown, id_of_item, has_more=has_more)


@routes.get("/v1/conversations/{conversation_id}/items/{item_id}", errors=(404,))
async def openai_get_item(call: Call, query: IncludeQuery) -> Item:
    """Get an item."""
    row = await _row(call.services.database, call.principal.tenant, conversation_id_of(call), _item_id(call))
    return next(item for item in items_of(row, row.item) if item["id"] == _item_id(call))


@routes.delete("/v1/conversations/{conversation_id}/items/{item_id}", errors=(404,))
async def openai_delete_item(call: Call) -> Conversation:
    """Delete an item. The answer is the conversation."""
    tenant, conversation_id = call.principal.tenant, conversation_id_of(call)
    async with call.services.database.transaction() as transaction:
        await transaction.exec("conversations/hold", user_id=tenant, conversation_id=conversation_id)
        row = await _row(transaction, tenant, conversation_id, _item_id(call))
        if len(items_of(row, row.item)) > 1:
            raise InvalidRequestError(
                "this item is one of several items of a message from the native API; change or delete the "
                f"message there: its id is {row.id}"
            )
        await transaction.value("messages/delete", user_id=tenant, conversation_id=conversation_id, message_id=row.id)
        return conversation_of(
            await transaction.one("conversations/get", user_id=tenant, conversation_id=conversation_id)
        )


def _item_id(call: Call) -> str:
    return call.path_text("item_id", "item")


def _no_such_item() -> NotFoundError:
    return NotFoundError("there is no such item in this conversation")


async def _row(queries: Queries, tenant: UUID, conversation_id: UUID, item_id: str) -> r.ItemsList:
    """Read the row of an item.

    Raises:
        NotFoundError: there is no such item.
    """
    place = place_of(item_id)
    row = await queries.one(
        "items/get",
        user_id=tenant,
        conversation_id=conversation_id,
        position=place and place.position,
        message_id=place and place.message_id,
        item_id=None if place else item_id,
    )
    if row is None or all(item["id"] != item_id for item in items_of(row, row.item)):
        raise _no_such_item()
    return row


async def _cursor(queries: Queries, tenant: UUID, conversation_id: UUID, after: str) -> Place:
    """Return the position after which a list continues. Ids made by Cabinet contain it, even for a deleted item.

    Raises:
        InvalidRequestError: there is no item with this id.
    """
    place = place_of(after)
    if place is not None:
        return place
    try:
        row = await _row(queries, tenant, conversation_id, after)
    except NotFoundError:
        raise InvalidRequestError("after is not the id of an item of this conversation", field="after") from None
    numbers = [number for number, item in enumerate(items_of(row, row.item)) if item["id"] == after]
    return Place(row.id, row.position, numbers[0])


def _following(rows: Sequence[r.ItemsList], after: Place | None, descending: bool) -> list[Item]:
    """Return the items after a position, in order."""
    found: list[Item] = []
    for row in rows:
        items = list(enumerate(items_of(row, row.item)))
        if after is not None and row.position == after.position:
            items = [(n, item) for n, item in items if (n < after.number if descending else n > after.number)]
        found += [item for _, item in (reversed(items) if descending else items)]
    return found


async def _is_cut(call: Call, rows: Sequence[r.ItemsList], items: Sequence[Item], descending: bool) -> bool:
    """Whether rows follow that did not fit into the bytes of a page."""
    if len(msgspec.json.encode(items)) < _CERTAINLY_WHOLE_BYTES:
        return False
    following = await call.services.database.many(
        "items/list",
        user_id=call.principal.tenant,
        conversation_id=conversation_id_of(call),
        from_position=rows[-1].position + (-1 if descending else 1),
        descending=descending,
        max_rows=1,
    )
    return bool(following)
