"""`/v1/conversations`: the conversations of the native API, for clients of the OpenAI API."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from svc import batches
from svc.access.quotas import QuotaName
from svc.accounts.quotas import refused
from svc.database import rows as r
from svc.errors import NotFoundError
from svc.jobs.long_conversations import delete_long
from svc.routes.openai.ids import CONVERSATION, path_id, shown_id
from svc.routes.openai.lists import Deleted
from svc.routes.openai.metadata import PairsOfText, check_pairs
from svc.routes.openai.new_items import GivenItems, read_items
from svc.routes.openai.stored_items import append_items, explained
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("OpenAI")


class CreateConversation(Struct, frozen=True, forbid_unknown_fields=True):
    """A new conversation, with up to 20 items."""

    items: GivenItems | None = None
    metadata: PairsOfText | None = None


class UpdateConversation(Struct, frozen=True, forbid_unknown_fields=True):
    """The metadata, which replaces the previous metadata as a whole; null removes it."""

    metadata: PairsOfText | None


class Conversation(Struct, frozen=True):
    """A conversation. `created_at` is in seconds since 1970."""

    id: str
    created_at: int
    metadata: dict[str, Any]
    object: Literal["conversation"] = "conversation"


@routes.post(
    "/v1/conversations", body_bytes=None, example={"items": [{"role": "user", "content": "How far is the Moon?"}]}
)
async def openai_create_conversation(call: Call, body: CreateConversation) -> Conversation:
    """Create a conversation with its first items."""
    check_pairs(body.metadata)
    items, counts = await read_items(body.items or [])
    tenant = call.principal.tenant
    wanted: dict[QuotaName, int] = {"conversations": 1, **({"messages": len(items)} if items else {})}
    async with explained(call, wanted), call.services.database.transaction() as transaction:
        row = await transaction.one(
            "conversations/create",
            user_id=tenant,
            title=None,
            document_ids=[],
            metadata=body.metadata or {},
            expires_at=None,
        )
        if row is None:
            raise await refused(transaction, tenant, {"conversations": 1})
        if items:
            await append_items(call, transaction, row.id, items, counts)
    if items:
        call.services.note_messages()
    return conversation_of(row)


@routes.get("/v1/conversations/{conversation_id}", errors=(404,))
async def openai_get_conversation(call: Call) -> Conversation:
    """Get a conversation."""
    return conversation_of(
        await call.services.database.one(
            "conversations/get", user_id=call.principal.tenant, conversation_id=conversation_id_of(call)
        )
    )


@routes.post("/v1/conversations/{conversation_id}", errors=(404,), example={"metadata": {"topic": "the Moon"}})
async def openai_update_conversation(call: Call, body: UpdateConversation) -> Conversation:
    """Replace the metadata of a conversation."""
    check_pairs(body.metadata)
    return conversation_of(
        await call.services.database.one(
            "conversations/update",
            user_id=call.principal.tenant,
            conversation_id=conversation_id_of(call),
            set_title=False,
            title=None,
            document_ids=None,
            metadata=body.metadata or {},
            set_expires_at=False,
            expires_at=None,
        )
    )


@routes.delete("/v1/conversations/{conversation_id}", errors=(404,))
async def openai_delete_conversation(call: Call) -> Deleted:
    """Delete a conversation with its items."""
    database, tenant, conversation_id = call.services.database, call.principal.tenant, conversation_id_of(call)
    deleted = await database.value(
        "conversations/delete", user_id=tenant, conversation_id=conversation_id, max_messages=batches.ERASED_MESSAGES
    )
    if deleted is False:
        deleted = await delete_long(database, tenant, conversation_id) is not None
    if not deleted:
        raise NotFoundError("there is no such conversation")
    return Deleted(shown_id(CONVERSATION, conversation_id), "conversation.deleted")


def conversation_id_of(call: Call) -> UUID:
    """Return the id of the conversation in the path.

    Raises:
        NotFoundError: no conversation can have it.
    """
    return path_id(call, "conversation_id", CONVERSATION, "conversation")


def conversation_of(row: r.ConversationsGet | None) -> Conversation:
    """Convert a row to a conversation.

    Raises:
        NotFoundError: the row is None.
    """
    if row is None:
        raise NotFoundError("there is no such conversation")
    return Conversation(shown_id(CONVERSATION, row.id), int(row.created_at.timestamp()), row.metadata)
