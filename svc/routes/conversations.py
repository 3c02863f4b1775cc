"""Conversations: `sql/conversations/`. Their messages are in `messages.py`."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from svc import batches
from svc.database import rows as r
from svc.database.calls import Queries
from svc.database.failures import ConstraintError
from svc.errors import InvalidRequestError, NotFoundError
from svc.fields.validation import Faults
from svc.fields.values import Metadata, Moment, Title, check_future, check_metadata, check_text
from svc.jobs.long_conversations import delete_long
from svc.routes.citations import mark_sources
from svc.routes.messages import Message
from svc.routes.pages import Limit, Page, one_more, page
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("conversations")

DocumentIds = Annotated[list[UUID], Meta(max_length=1000, description="Ids of your documents, at most 1000.")]


class Conversation(Struct, frozen=True, omit_defaults=True):
    """A conversation. `messages` has its newest messages, oldest first, if the list was requested with `recent`.

    The conversation is deleted with its messages within a minute after `expires_at`; null means never.
    """

    id: UUID
    title: str | None
    document_ids: list[UUID]
    metadata: dict[str, Any]
    message_count: int
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    messages: list[Message] | UnsetType = UNSET


class CreateConversation(Struct, frozen=True, forbid_unknown_fields=True):
    """A new conversation."""

    title: Title | None = None
    document_ids: DocumentIds = []
    metadata: Metadata = msgspec.field(default_factory=dict)
    expires_at: Moment | None = None


class UpdateConversation(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields to change. Omitted fields keep their values."""

    title: Title | UnsetType | None = UNSET
    document_ids: DocumentIds | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET


class ConversationsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The page of conversations to list, and the number of newest messages to include for each."""

    limit: Limit = 20
    after: UUID | None = None
    recent: Annotated[int, Meta(ge=1, le=50, description="Newest messages of each conversation, 1 to 50.")] | None = (
        None
    )


@routes.post("/conversations", status=201, example={"title": "About the Moon", "metadata": {"channel": "web"}})
async def create_conversation(call: Call, body: CreateConversation) -> Conversation:
    """Create a conversation, optionally about some of your documents."""
    _check(body.title, body.metadata, body.expires_at)
    try:
        row = await call.services.database.one(
            "conversations/create",
            user_id=call.principal.tenant,
            title=body.title,
            document_ids=body.document_ids,
            metadata=body.metadata,
            expires_at=body.expires_at,
        )
    except ConstraintError as error:
        raise _no_such_document(error) from None
    return _conversation(row)


@routes.get("/conversations")
async def list_conversations(call: Call, query: ConversationsQuery) -> Page[Conversation]:
    """List your conversations, newest first; `recent=N` includes the N newest messages of each."""
    database, tenant, max_rows = call.services.database, call.principal.tenant, one_more(query.limit)
    if query.recent is None:
        rows = await database.many("conversations/list", user_id=tenant, after=query.after, max_rows=max_rows)
        return page(rows, query.limit, _conversation, lambda row: row.id)
    recent = await database.many(
        "conversations/list_with_recent",
        user_id=tenant,
        after=query.after,
        max_rows=max_rows,
        recent=query.recent,
    )
    messages = (message for row in recent for message in row.messages)
    await mark_sources(database, tenant, (source for message in messages for source in message["sources"]))
    # A page can contain thousands of messages with their sources.
    return await asyncio.to_thread(page, recent, query.limit, _with_messages, lambda row: row.id)


@routes.get("/conversations/{conversation_id}", errors=(404,))
async def get_conversation(call: Call) -> Conversation:
    """Get a conversation, without its messages."""
    return _conversation(
        await call.services.database.one(
            "conversations/get",
            user_id=call.principal.tenant,
            conversation_id=call.path_id("conversation_id", "conversation"),
        )
    )


@routes.patch("/conversations/{conversation_id}", errors=(404,), example={"title": "About the Moon and the Sun"})
async def update_conversation(call: Call, body: UpdateConversation) -> Conversation:
    """Change a conversation's title, documents, metadata or expiry; documents and metadata are replaced as a whole."""
    title = None if body.title is UNSET else body.title
    metadata = None if body.metadata is UNSET else body.metadata
    expires_at = None if body.expires_at is UNSET else body.expires_at
    _check(title, metadata, expires_at)
    database, tenant = call.services.database, call.principal.tenant
    conversation_id = call.path_id("conversation_id", "conversation")

    async def update(queries: Queries) -> r.ConversationsGet | None:
        return await queries.one(
            "conversations/update",
            user_id=tenant,
            conversation_id=conversation_id,
            set_title=body.title is not UNSET,
            title=title,
            document_ids=None if body.document_ids is UNSET else body.document_ids,
            metadata=metadata,
            set_expires_at=body.expires_at is not UNSET,
            expires_at=expires_at,
        )

    if body.document_ids is UNSET:
        return _conversation(await update(database))
    try:
        async with database.transaction() as transaction:
            await transaction.exec("conversations/hold", user_id=tenant, conversation_id=conversation_id)
            return _conversation(await update(transaction))
    except ConstraintError as error:
        raise _no_such_document(error) from None


@routes.delete("/conversations/{conversation_id}", errors=(404,))
async def delete_conversation(call: Call) -> None:
    """Delete a conversation with its messages."""
    database, tenant = call.services.database, call.principal.tenant
    conversation_id = call.path_id("conversation_id", "conversation")
    deleted = await database.value(
        "conversations/delete",
        user_id=tenant,
        conversation_id=conversation_id,
        max_messages=batches.ERASED_MESSAGES,
    )
    if deleted is False:
        deleted = await delete_long(database, tenant, conversation_id) is not None
    if not deleted:
        raise NotFoundError("there is no such conversation")


def _conversation(row: r.ConversationsGet | None, messages: list[Message] | UnsetType = UNSET) -> Conversation:
    if row is None:
        raise NotFoundError("there is no such conversation")
    return Conversation(
        id=row.id,
        title=row.title,
        document_ids=row.document_ids,
        metadata=row.metadata,
        message_count=row.message_count,
        expires_at=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        messages=messages,
    )


def _with_messages(row: r.ConversationsListWithRecent) -> Conversation:
    return _conversation(row, msgspec.convert(row.messages, list[Message]))


def _check(title: str | None, metadata: dict[str, Any] | None, expires_at: datetime | None) -> None:
    faults = Faults()
    faults.check(check_text, title, "title")
    faults.check(check_metadata, metadata, "metadata")
    faults.check(check_future, expires_at, "expires_at")
    faults.raise_if_any()


def _no_such_document(error: ConstraintError) -> Exception:
    if error.constraint == "conversation_documents_document_fkey":
        return InvalidRequestError(
            "document_ids contains an id that is not the id of one of your documents", field="document_ids"
        )
    return error
