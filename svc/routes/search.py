"""Searching chunks by meaning and by keywords: `sql/search/`."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal
from uuid import UUID

import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType
from numpy.typing import NDArray

from svc.database import rows as r
from svc.errors import ForbiddenError, InvalidRequestError
from svc.fields.validation import Faults
from svc.plans.explain import analyze
from svc.routes.explanations import Explanation, explanation
from svc.routes.query_vectors import SEARCH_BODY_BYTES, QueryText, QueryVector
from svc.routes.questions import KeywordWeight, Question, question_vector, read_question
from svc.search.filters import DocumentFilters, Filters, check_filters
from svc.search.hybrid import HybridSearch, KeywordSearch, Mode, postings_budget, run_hybrid, run_keyword
from svc.search.lanes import Found, KeywordLane, Lane, Metric, Search, TenantSize, run_search
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("search")


class SearchRequest(DocumentFilters, frozen=True, forbid_unknown_fields=True):
    """A search by `query`, a text, or by `embedding`, a vector of the same model, or by both.

    `mode` is `hybrid` (the default with a query), `meaning` (the default without) or `keyword`. A hybrid search orders
    by the weighted sum of a score for the meaning and one for the keywords; `keyword_weight` is the weight of the
    latter, and the default depends on the model. With both a query and an embedding, the embedding is used for the
    meaning, and the query for the keywords. Except in mode `meaning`, `"…"` in a query requires an exact phrase, and
    `-word` excludes a word.

    `threshold` is the minimum similarity: 1 - distance for cosine, 1 / (1 + distance) for l2, the inner product itself
    for inner_product. `uploaded_after` is inclusive, `uploaded_before` is exclusive. `recall: "exact"` compares every
    vector and every chunk with a term of the query, however many there are; otherwise one result in a hundred may be
    missed. `conversation_id` limits the search to the documents of the conversation; if it has none, nothing is found.
    """

    query: QueryText | None = None
    embedding: QueryVector | None = None
    mode: Mode | None = None
    keyword_weight: KeywordWeight | None = None
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

    `metadata` combines the metadata of the document and of the chunk (such as `page`). The results are in the order of
    `score`: the weighted sum in mode hybrid, otherwise the similarity or the keyword score. What a mode does not
    compute is null.
    """

    chunk_id: UUID
    document_id: UUID
    filename: str
    chunk_index: int
    content: str
    metadata: dict[str, Any]
    similarity: float | None
    distance: float | None
    keyword_score: float | None
    score: float


class SearchResponse(Struct, frozen=True):
    """The chunks found, best first, the mode and the lane that found them, and the `explanation`, if requested.

    In mode hybrid, `lane` is that of the meaning.
    """

    results: list[Result]
    mode: Mode
    lane: Lane | KeywordLane
    explanation: Explanation | UnsetType = UNSET


@routes.post(
    "/search",
    errors=(503,),
    reads=True,
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
    """Search your chunks by meaning, by keywords, or by both.

    A search runs one statement, and one more with `conversation_id`. No database connection is held while the query is
    embedded. `explain=true`, which requires the admin key, runs the statement again to show its plan.
    """
    tenant = call.principal.tenant
    if query.explain and not call.principal.is_admin:
        raise ForbiddenError("explain=true requires the admin key, with Cabinet-User; plans are only for operators")
    faults = Faults()
    check_filters(faults, body)
    faults.raise_if_any()
    question = read_question(call, body)
    started = time.perf_counter()
    embedding = None if question.mode == "keyword" else await question_vector(call, question)
    embedding_s = time.perf_counter() - started
    filters = Filters.of(body, await _document_ids(call, body))
    services = call.services
    services.usage.add(tenant, searches=1)
    started = time.perf_counter()
    results, found = await _found(call, body, question, embedding, filters)
    search_s = time.perf_counter() - started
    if not query.explain:
        return SearchResponse(results, question.mode, found.lane)
    call.answer_headers["Cache-Control"] = "no-store"
    plan = await analyze(services.database, found.statement, **found.arguments)
    shown = explanation(found.statement, plan, embedding_s=embedding_s, search_s=search_s)
    return SearchResponse(results, question.mode, found.lane, shown)


async def _found(
    call: Call, body: SearchRequest, question: Question, embedding: NDArray[np.float32] | None, filters: Filters
) -> tuple[list[Result], Found[object]]:
    """Run the search. Without an embedding, it compares keywords only."""
    services, tenant = call.services, call.principal.tenant
    size = TenantSize(call.principal.chunk_count, call.principal.has_index)
    is_exact, exact_rows = body.recall == "exact", services.settings.exact_rows
    if embedding is not None:
        wanted = Search(tenant, embedding, body.limit, body.metric, body.threshold, filters, is_exact)
        if question.mode == "meaning":
            by_meaning = await run_search(services.database, wanted, size, exact_rows)
            return [_by_meaning(row) for row in by_meaning.rows], by_meaning
    budget = None if is_exact else postings_budget(size.chunk_count, is_filtered=not filters.is_empty)
    terms = await services.query_terms.of(tenant, "chunk", question.text, budget, size.chunk_count)
    if embedding is None:
        by_keywords = await run_keyword(services.database, KeywordSearch(tenant, terms, body.limit, filters))
        return [_by_keywords(row) for row in by_keywords.rows], by_keywords
    hybrid = HybridSearch(wanted, terms, question.keyword_weight)
    by_both = await run_hybrid(services.database, hybrid, size, exact_rows)
    return [_by_both(row) for row in by_both.rows], by_both


def _by_meaning(row: r.SearchExact) -> Result:
    return _result(row, row.similarity, row.distance, None, row.similarity)


def _by_keywords(row: r.SearchKeyword) -> Result:
    return _result(row, None, None, row.keyword_score, row.keyword_score)


def _by_both(row: r.SearchHybridExact) -> Result:
    return _result(row, row.similarity, row.distance, row.keyword_score, row.score)


def _result(
    row: r.SearchExact | r.SearchHybridExact | r.SearchKeyword,
    similarity: float | None,
    distance: float | None,
    keyword_score: float | None,
    score: float,
) -> Result:
    return Result(
        chunk_id=row.chunk_id,
        document_id=row.document_id,
        filename=row.filename,
        chunk_index=row.chunk_index,
        content=row.content,
        metadata=row.metadata,
        similarity=similarity,
        distance=distance,
        keyword_score=keyword_score,
        score=score,
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
