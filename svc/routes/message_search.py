"""Searching messages by meaning: `sql/message_search/`."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from svc.database import rows as r
from svc.errors import ConflictError
from svc.fields.chat import Role
from svc.fields.validation import Faults
from svc.fields.values import Moment, check_moment
from svc.routes.citations import mark_sources
from svc.routes.messages import Message, check_conversation, message_fields
from svc.routes.query_vectors import SEARCH_BODY_BYTES, QueryText, QueryVector, query_vector
from svc.search.messages import MessageLane, MessageSearch, search_messages
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("conversations")

EXAMPLE = {
    "query": "What did we say about the distance of the Moon?",
    "limit": 5,
    "roles": ["user", "assistant"],
    "created_after": "2026-01-01T00:00:00Z",
}


class SearchMessages(Struct, frozen=True, forbid_unknown_fields=True):
    """A search of messages: either by `query`, which is embedded, or by an `embedding` of the same model.

    `threshold` is the minimum similarity (1 - cosine distance). `created_after` is inclusive, `created_before` is
    exclusive. `recall: "exact"` compares every vector, however many there are.
    """

    query: QueryText | None = None
    embedding: QueryVector | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 5
    threshold: float | None = None
    recall: Literal["exact"] | None = None
    roles: Annotated[list[Role], Meta(max_length=6)] | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None


class FoundMessage(Message, frozen=True, kw_only=True):
    """A message that the search found."""

    similarity: float
    distance: float


class MessageSearchResponse(Struct, frozen=True):
    """The messages found, most similar first, and the lane that found them."""

    results: list[FoundMessage]
    lane: MessageLane


@routes.post("/conversations/search", errors=(409, 503), body_bytes=SEARCH_BODY_BYTES, reads=True, example=EXAMPLE)
async def search_all_messages(call: Call, body: SearchMessages) -> MessageSearchResponse:
    """Search the messages of all your conversations by meaning.

    A message can be found once it is embedded, which happens in the background shortly after it is appended.
    """
    return await _search(call, body, None)


@routes.post(
    "/conversations/{conversation_id}/search",
    errors=(404, 409, 503),
    body_bytes=SEARCH_BODY_BYTES,
    reads=True,
    example=EXAMPLE,
)
async def search_conversation(call: Call, body: SearchMessages) -> MessageSearchResponse:
    """Search the messages of one conversation by meaning."""
    conversation_id = call.path_id("conversation_id", "conversation")
    response = await _search(call, body, conversation_id)
    if not response.results:
        await check_conversation(call.services.database, call.principal.tenant, conversation_id)
    return response


async def _search(call: Call, body: SearchMessages, conversation_id: UUID | None) -> MessageSearchResponse:
    services, tenant = call.services, call.principal.tenant
    if not services.settings.embed_messages:
        raise ConflictError("messages are not embedded, because CABINET_EMBED_MESSAGES is off")
    faults = Faults()
    faults.check(check_moment, body.created_after, "created_after")
    faults.check(check_moment, body.created_before, "created_before")
    faults.raise_if_any()
    wanted = MessageSearch(
        user_id=tenant,
        conversation_id=conversation_id,
        embedding=await query_vector(call, body.query, body.embedding),
        limit=body.limit,
        threshold=body.threshold,
        roles=body.roles,
        created_after=body.created_after,
        created_before=body.created_before,
        is_exact=body.recall == "exact",
    )
    services.usage.add(tenant, searches=1)
    found = await search_messages(services.database, wanted, services.settings.exact_rows)
    await mark_sources(services.database, tenant, (source for row in found.rows for source in row.sources))
    return MessageSearchResponse([_found(row) for row in found.rows], found.lane)


def _found(row: r.MessageSearchBits) -> FoundMessage:
    return FoundMessage(**message_fields(row), similarity=row.similarity, distance=row.distance)
