"""Searching messages by meaning and by keywords: `sql/message_search/`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from svc.database import rows as r
from svc.errors import ConflictError
from svc.fields.chat import Role
from svc.fields.validation import Faults
from svc.fields.values import Moment, check_moment
from svc.filters.arguments import matching_arguments
from svc.filters.columns import MESSAGE_FIELDS
from svc.filters.reading import Filter, read_filter
from svc.routes.messages import check_conversation
from svc.routes.query_vectors import SEARCH_BODY_BYTES, QueryText, QueryVector
from svc.routes.questions import KeywordWeight, question_vector, read_question
from svc.routes.stored_messages import Message, mark_messages, message_fields, message_of
from svc.search.hybrid import Mode, postings_budget
from svc.search.lanes import KeywordLane
from svc.search.messages import (
    MESSAGE_KEYWORD_WEIGHT,
    MessageLane,
    MessageScope,
    MessageSearch,
    search_messages,
    search_messages_by_both,
    search_messages_by_keywords,
)
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("conversations")

EXAMPLE = {
    "query": "What did we say about the distance of the Moon?",
    "limit": 5,
    "roles": ["user", "assistant"],
    "created_after": "2026-01-01T00:00:00Z",
}
_MOST_NEIGHBOURS = 5


class SearchMessages(Struct, frozen=True, forbid_unknown_fields=True):
    """A search of messages by `query`, a text, or by `embedding`, a vector of the same model, or by both.

    `mode` is `hybrid` (the default with a query), `meaning` (the default without) or `keyword`, as in a search of
    chunks. In mode hybrid, a message also gets a part of the score of the two messages before and after it, since an
    answer seldom repeats the words of its question. Keywords are those of the content, the speaker (`name`, or
    `metadata` such as `speaker`) and the date.

    `threshold` is the minimum similarity (1 - cosine distance). `created_after` is inclusive, `created_before` is
    exclusive. `filter` compares members of the metadata, and `id`, `conversation_id`, `position`, `role`, `name`,
    `tool_call_id`, `token_count` and `created_at`. `recall: "exact"` compares every vector and every message with a
    term of the query, however many there are. `neighbours` is the number of messages to include before and after each
    result.
    """

    query: QueryText | None = None
    embedding: QueryVector | None = None
    mode: Mode | None = None
    keyword_weight: KeywordWeight | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 5
    threshold: float | None = None
    recall: Literal["exact"] | None = None
    roles: Annotated[list[Role], Meta(max_length=6)] | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    filter: Filter | None = None
    neighbours: Annotated[int, Meta(ge=0, le=_MOST_NEIGHBOURS)] = 0


class FoundMessage(Message, frozen=True, kw_only=True):
    """A message that the search found.

    The results are in the order of `score`: in mode hybrid the weighted sum of both scores, of the message and of
    those around it, otherwise the similarity or the keyword score. Values that a mode does not compute are null.
    `neighbours`, if requested, are the messages before and after it, in order. A message that is a result itself, or a
    neighbour of a better result, is not repeated.
    """

    similarity: float | None
    distance: float | None
    keyword_score: float | None
    score: float
    neighbours: list[Message] | UnsetType = UNSET


class MessageSearchResponse(Struct, frozen=True):
    """The messages found, best first, and the mode and lane that found them.

    In mode hybrid, `lane` is that of the search by meaning.
    """

    results: list[FoundMessage]
    mode: Mode
    lane: MessageLane | KeywordLane


@routes.post("/conversations/search", errors=(409, 503), body_bytes=SEARCH_BODY_BYTES, reads=True, example=EXAMPLE)
async def search_all_messages(call: Call, body: SearchMessages) -> MessageSearchResponse:
    """Search the messages of all your conversations by meaning, by keywords, or by both.

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
    """Search the messages of one conversation by meaning, by keywords, or by both."""
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
    filters = None if body.filter is None else matching_arguments(read_filter(body.filter, MESSAGE_FIELDS))
    scope = MessageScope(
        tenant, conversation_id, body.limit, body.roles, body.created_after, body.created_before, filters
    )  # fmt: skip
    mode, lane, results = await _found(call, body, scope)
    if body.neighbours and results:
        results = await _with_neighbours(call, results, body.neighbours)
    return MessageSearchResponse(results, mode, lane)


async def _found(
    call: Call, body: SearchMessages, scope: MessageScope
) -> tuple[Mode, MessageLane | KeywordLane, list[FoundMessage]]:
    """Run the search in the mode of the question."""
    services, tenant = call.services, call.principal.tenant
    database, exact_rows = services.database, services.settings.exact_rows
    question = read_question(call, body)
    is_exact = body.recall == "exact"
    search = None
    if question.mode != "keyword":
        search = MessageSearch(scope, await question_vector(call, question), body.threshold, is_exact)
    services.usage.add(tenant, searches=1)
    if search is not None and question.mode == "meaning":
        by_meaning = await search_messages(database, search, exact_rows)
        await mark_messages(database, tenant, by_meaning.rows)
        return "meaning", by_meaning.lane, [_by_meaning(row) for row in by_meaning.rows]
    budget = None if is_exact else postings_budget(0, is_filtered=scope.is_filtered)
    terms = await services.query_terms.of(tenant, "message", question.text, budget)
    if search is None:
        by_keywords = await search_messages_by_keywords(database, scope, terms)
        await mark_messages(database, tenant, by_keywords.rows)
        return "keyword", by_keywords.lane, [_by_keywords(row) for row in by_keywords.rows]
    weight = MESSAGE_KEYWORD_WEIGHT if body.keyword_weight is None else body.keyword_weight
    by_both = await search_messages_by_both(database, search, terms, weight, exact_rows)
    await mark_messages(database, tenant, by_both.rows)
    return "hybrid", by_both.lane, [_by_both(row) for row in by_both.rows]


async def _with_neighbours(call: Call, results: Sequence[FoundMessage], distance: int) -> list[FoundMessage]:
    """Add the messages around the results."""
    database, tenant = call.services.database, call.principal.tenant
    rows = await database.many(
        "message_search/neighbours",
        user_id=tenant,
        conversation_ids=[result.conversation_id for result in results],
        positions=[result.position for result in results],
        distance=distance,
        max_rows=2 * distance * len(results),
    )
    await mark_messages(database, tenant, rows)
    near: dict[int, list[Message]] = defaultdict(list)
    for row in rows:
        near[row.rank].append(message_of(row))
    return [replace(result, neighbours=near[rank]) for rank, result in enumerate(results, start=1)]


def _by_meaning(row: r.MessageSearchBits) -> FoundMessage:
    return FoundMessage(
        **message_fields(row), similarity=row.similarity, distance=row.distance, keyword_score=None,
        score=row.similarity,
    )  # fmt: skip


def _by_keywords(row: r.MessageSearchKeyword) -> FoundMessage:
    return FoundMessage(
        **message_fields(row), similarity=None, distance=None, keyword_score=row.keyword_score,
        score=row.keyword_score,
    )  # fmt: skip


def _by_both(row: r.MessageSearchHybridBits) -> FoundMessage:
    return FoundMessage(
        **message_fields(row), similarity=row.similarity, distance=row.distance, keyword_score=row.keyword_score,
        score=row.score,
    )  # fmt: skip
