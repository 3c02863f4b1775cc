"""Conversations: `sql/conversations/`. Their messages are in `messages.py`."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from svc import batches
from svc.access.quotas import broken_quota
from svc.accounts.quotas import refused
from svc.database import rows as r
from svc.database.calls import Queries
from svc.database.failures import ConstraintError
from svc.errors import ConflictError, InvalidRequestError, NotFoundError
from svc.fields.validation import Faults
from svc.fields.values import Metadata, Moment, Title, check_future, check_metadata, check_text
from svc.jobs.long_conversations import delete_long
from svc.routes.idempotency import HEADER, once
from svc.routes.searched_collections import CollectionIds, find_searched
from svc.routes.stored_messages import Message
from svc.web.conditions import check_unchanged, unchanged
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("conversations")

DocumentIds = Annotated[list[UUID], Meta(max_length=1000, description="Ids of your documents, at most 1000.")]


class Conversation(Struct, frozen=True, omit_defaults=True):
    """A conversation. `messages` has its newest messages, oldest first, if the list was requested with `recent`.

    Its searches find only files of `collection_ids`, if there are any. The id of a collection that is deleted or no
    longer shared with you stays in the list, and finds nothing. The conversation is deleted with its messages within a
    minute after `expires_at`; null means never.
    """

    id: UUID
    title: str | None
    document_ids: list[UUID]
    collection_ids: list[UUID]
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
    collection_ids: CollectionIds = []
    metadata: Metadata = msgspec.field(default_factory=dict)
    expires_at: Moment | None = None


class UpdateConversation(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields to change. Omitted fields keep their values."""

    title: Title | UnsetType | None = UNSET
    document_ids: DocumentIds | UnsetType = UNSET
    collection_ids: CollectionIds | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET


@routes.post(
    "/conversations",
    status=201,
    once=True,
    errors=(409,),
    tagged=True,
    example={"title": "About the Moon", "metadata": {"channel": "web"}},
)
async def create_conversation(call: Call, body: CreateConversation) -> Conversation:
    """Create a conversation, optionally about some of your documents, or some collections."""
    _check(body.title, body.metadata, body.expires_at)
    tenant = call.principal.tenant
    try:
        async with once(call, [msgspec.json.encode(body)]) as request:
            if request.earlier is not None:
                return await _created_before(request.queries, tenant, UUID(request.earlier["conversation_id"]))
            if body.collection_ids:
                await find_searched(call, body.collection_ids, request.queries)
            row = await request.queries.one(
                "conversations/create",
                user_id=tenant,
                title=body.title,
                document_ids=body.document_ids,
                collection_ids=sorted({*body.collection_ids}),
                metadata=body.metadata,
                expires_at=body.expires_at,
            )
            if row is None:
                raise await refused(request.queries, tenant, {"conversations": 1})
            await request.keep({"conversation_id": row.id})
            return conversation_of(row)
    except ConstraintError as error:
        if broken_quota(error.constraint) is None:
            raise _no_such_document(error) from None
        # Another request used up the quota between the check and the insertion.
        raise await refused(call.services.database, tenant, {"conversations": 1}) from None


async def _created_before(queries: Queries, tenant: UUID, conversation_id: UUID) -> Conversation:
    row = await queries.one("conversations/get", user_id=tenant, conversation_id=conversation_id)
    if row is None:
        raise ConflictError("the conversation that was created with this key has been deleted", field=HEADER)
    return conversation_of(row)


@routes.get("/conversations/{conversation_id}", errors=(404,), tagged=True)
async def get_conversation(call: Call) -> Conversation:
    """Get a conversation, without its messages."""
    return conversation_of(
        await call.services.database.one(
            "conversations/get",
            user_id=call.principal.tenant,
            conversation_id=call.path_id("conversation_id", "conversation"),
        )
    )


async def _held(queries: Queries, tenant: UUID, conversation_id: UUID) -> Conversation:
    """Lock a conversation and return it."""
    await queries.exec("conversations/hold", user_id=tenant, conversation_id=conversation_id)
    return conversation_of(await queries.one("conversations/get", user_id=tenant, conversation_id=conversation_id))


@routes.patch(
    "/conversations/{conversation_id}", errors=(404,), tagged=True, example={"title": "About the Moon and the Sun"}
)
async def update_conversation(call: Call, body: UpdateConversation) -> Conversation:
    """Change the given fields of a conversation; documents, collections and metadata are replaced as a whole."""
    title = None if body.title is UNSET else body.title
    metadata = None if body.metadata is UNSET else body.metadata
    expires_at = None if body.expires_at is UNSET else body.expires_at
    _check(title, metadata, expires_at)
    tenant = call.principal.tenant
    conversation_id = call.path_id("conversation_id", "conversation")
    if body.collection_ids is not UNSET and body.collection_ids:
        await find_searched(call, body.collection_ids)
    sets_documents = body.document_ids is not UNSET
    try:
        async with unchanged(
            call, lambda queries: _held(queries, tenant, conversation_id), in_transaction=sets_documents
        ) as queries:
            if sets_documents:
                await queries.exec("conversations/hold", user_id=tenant, conversation_id=conversation_id)
            return conversation_of(
                await queries.one(
                    "conversations/update",
                    user_id=tenant,
                    conversation_id=conversation_id,
                    set_title=body.title is not UNSET,
                    title=title,
                    document_ids=None if body.document_ids is UNSET else body.document_ids,
                    collection_ids=None if body.collection_ids is UNSET else sorted({*body.collection_ids}),
                    metadata=metadata,
                    set_expires_at=body.expires_at is not UNSET,
                    expires_at=expires_at,
                )
            )
    except ConstraintError as error:
        raise _no_such_document(error) from None


@routes.delete("/conversations/{conversation_id}", errors=(404,), tagged=True)
async def delete_conversation(call: Call) -> None:
    """Delete a conversation with its messages."""
    database, tenant = call.services.database, call.principal.tenant
    conversation_id = call.path_id("conversation_id", "conversation")

    async def read(queries: Queries) -> Conversation:
        return await _held(queries, tenant, conversation_id)

    async with unchanged(call, read) as queries:
        deleted = await queries.value(
            "conversations/delete",
            user_id=tenant,
            conversation_id=conversation_id,
            max_messages=batches.ERASED_MESSAGES,
        )
    if deleted is False:
        check = functools.partial(check_unchanged, call, read)
        deleted = await delete_long(database, tenant, conversation_id, check) is not None
    if not deleted:
        raise NotFoundError("there is no such conversation")


def conversation_of(row: r.ConversationsGet | None, messages: list[Message] | UnsetType = UNSET) -> Conversation:
    """Convert a row to a conversation.

    Raises:
        NotFoundError: the row is None.
    """
    if row is None:
        raise NotFoundError("there is no such conversation")
    return Conversation(
        id=row.id,
        title=row.title,
        document_ids=row.document_ids,
        collection_ids=row.collection_ids or [],
        metadata=row.metadata,
        message_count=row.message_count,
        expires_at=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        messages=messages,
    )


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
