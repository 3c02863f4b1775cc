"""Searching chunks by meaning: `sql/search/`."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from svc.database import rows as r
from svc.errors import ForbiddenError, InvalidRequestError
from svc.fields.validation import Faults
from svc.fields.values import check_metadata, check_moment
from svc.plans.explain import analyze
from svc.routes.explanations import Explanation, explanation
from svc.routes.query_vectors import SEARCH_BODY_BYTES, QueryText, QueryVector, query_vector
from svc.search.filters import DocumentFilters, Filters
from svc.search.lanes import Lane, Metric, Search, TenantSize, run_search
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("search")


class SearchRequest(DocumentFilters, frozen=True, forbid_unknown_fields=True):
    """A search: either by `query`, which is embedded, or by an `embedding` of the same model.

    `threshold` is the minimum similarity: 1 - distance for cosine, 1 / (1 + distance) for l2, the inner product itself
    for inner_product. `uploaded_after` is inclusive, `uploaded_before` is exclusive. `recall: "exact"` compares every
    vector, however many there are; the other lanes may miss one result in a hundred. `conversation_id` limits the
    search to the documents of the conversation; if it has none, nothing is found.
    """

    query: QueryText | None = None
    embedding: QueryVector | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 5
    threshold: float | None = None
    metric: Metric = "cosine"
    recall: Literal["exact"] | None = None
    document_ids: Annotated[list[UUID], Meta(max_length=1000)] | None = None
    conversation_id: UUID | None = None


class SearchQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`explain` requests an explanation with the results. It requires the admin key."""

    explain: bool = False


class Result(Struct, frozen=True):
    """A chunk that the search found.

    `metadata` combines the metadata of the document and of the chunk (such as `page`).
    """

    chunk_id: UUID
    document_id: UUID
    filename: str
    chunk_index: int
    content: str
    metadata: dict[str, Any]
    similarity: float
    distance: float


class SearchResponse(Struct, frozen=True):
    """The chunks found, most similar first, the lane that found them, and the `explanation`, if requested."""

    results: list[Result]
    lane: Lane
    explanation: Explanation | UnsetType = UNSET


@routes.post(
    "/search",
    errors=(503,),
    body_bytes=SEARCH_BODY_BYTES,
    example={
        "query": "How far away is the Moon?",
        "limit": 5,
        "threshold": 0.3,
        "metadata": {"topic": "astronomy"},
        "uploaded_after": "2026-01-01T00:00:00Z",
    },
)
async def search(call: Call, body: SearchRequest, query: SearchQuery) -> SearchResponse:
    """Search your chunks by meaning.

    A search runs one statement, and one more with `conversation_id`. No database connection is held while the query is
    embedded. `explain=true`, which requires the admin key, runs the statement again to show its plan.
    """
    tenant = call.principal.tenant
    if query.explain and not call.principal.is_admin:
        raise ForbiddenError("explain=true requires the admin key, with Cabinet-User; plans are only for operators")
    faults = Faults()
    faults.check(check_metadata, body.metadata, "metadata")
    faults.check(check_moment, body.uploaded_after, "uploaded_after")
    faults.check(check_moment, body.uploaded_before, "uploaded_before")
    faults.raise_if_any()
    started = time.perf_counter()
    embedding = await query_vector(call, body.query, body.embedding)
    embedding_s = time.perf_counter() - started
    wanted = Search(
        user_id=tenant,
        embedding=embedding,
        limit=body.limit,
        metric=body.metric,
        threshold=body.threshold,
        filters=Filters.of(body, await _document_ids(call, body)),
        is_exact=body.recall == "exact",
    )
    services = call.services
    services.usage.add(tenant, searches=1)
    size = TenantSize(call.principal.chunk_count, call.principal.has_index)
    started = time.perf_counter()
    found = await run_search(services.database, wanted, size, services.settings.exact_rows)
    search_s = time.perf_counter() - started
    results = [_result(row) for row in found.rows]
    if not query.explain:
        return SearchResponse(results, found.lane)
    call.answer_headers["Cache-Control"] = "no-store"
    plan = await analyze(services.database, found.statement, **found.arguments)
    return SearchResponse(
        results, found.lane, explanation(found.statement, plan, embedding_s=embedding_s, search_s=search_s)
    )


def _result(row: r.SearchExact) -> Result:
    return Result(
        chunk_id=row.chunk_id,
        document_id=row.document_id,
        filename=row.filename,
        chunk_index=row.chunk_index,
        content=row.content,
        metadata=row.metadata,
        similarity=row.similarity,
        distance=row.distance,
    )


async def _document_ids(call: Call, body: SearchRequest) -> list[UUID] | None:
    """The documents to search: those in the request and in its conversation, or None for all."""
    if body.conversation_id is None:
        return body.document_ids
    row = await call.services.database.one(
        "conversations/get", user_id=call.principal.tenant, conversation_id=body.conversation_id
    )
    if row is None:
        raise InvalidRequestError("conversation_id is not the id of one of your conversations", field="conversation_id")
    documents: list[UUID] = row.document_ids
    return documents if body.document_ids is None else sorted({*documents} & {*body.document_ids})
