"""`/v1/vector_stores/{id}/search`: a hybrid search of the files of a vector store."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct, structs

from svc.errors import InvalidRequestError
from svc.filters.reading import MAX_FILTER_DEPTH, Filter
from svc.routes.chunk_search import Result, SearchRequest
from svc.routes.openai.ids import FILE, shown_id
from svc.routes.openai.store_entries import check_active
from svc.routes.openai.stores import store_id_of
from svc.routes.query_vectors import SEARCH_BODY_BYTES, QueryText
from svc.routes.search_preparation import prepare_search
from svc.routes.shared_access import own_or_shared_collection
from svc.search.filters import attributes_path
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("OpenAI")

_MOST_QUERIES: Final = 10
_RESULTS: Final = 10
# In the native search, quotation marks and a minus before a word are operators; here they are text.
_OPERATORS: Final = re.compile(r'"|(?<!\S)-(?=\S)')

Weight = Annotated[float, Meta(ge=0, le=1)]


class Hybrid(Struct, frozen=True, forbid_unknown_fields=True):
    """The weights of the meaning and of the words in a score; at least one is above 0."""

    embedding_weight: Annotated[float, Meta(ge=0)]
    text_weight: Annotated[float, Meta(ge=0)]


class Ranking(Struct, frozen=True, forbid_unknown_fields=True):
    """The order of results, and their minimum score. All rankers mean the ranker of the service."""

    ranker: Literal["none", "auto", "default-2024-11-15"] | None = None
    score_threshold: Weight | None = None
    hybrid_search: Hybrid | None = None


class SearchStore(Struct, frozen=True, forbid_unknown_fields=True):
    """A search by one query or several, among the files whose attributes pass `filters`."""

    query: QueryText | Annotated[list[QueryText], Meta(min_length=1, max_length=_MOST_QUERIES)]
    filters: Filter | None = None
    max_num_results: Annotated[int, Meta(ge=1, le=50)] | None = None
    ranking_options: Ranking | None = None
    rewrite_query: bool | None = None


class FoundText(Struct, frozen=True):
    """The text of a chunk."""

    text: str
    type: Literal["text"] = "text"


class Found(Struct, frozen=True):
    """A chunk that the search found, and its file. The score is from 0 to 1."""

    file_id: str
    filename: str
    score: float
    attributes: dict[str, Any]
    content: list[FoundText]


class FoundPage(Struct, frozen=True):
    """The results, best first, and the queries that were searched for."""

    search_query: list[str]
    data: list[Found]
    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    has_more: bool = False
    next_page: str | None = None


@routes.post(
    "/v1/vector_stores/{store_id}/search",
    errors=(404, 503),
    reads=True,
    within=True,
    body_bytes=SEARCH_BODY_BYTES,
    example={"query": "How far away is the Moon?"},
)
async def openai_search_store(call: Call, body: SearchStore) -> FoundPage:
    """Search the files of a vector store, your own or one that is shared with you, by both meaning and words.

    `rewrite_query` has no effect, since the words of a query are searched in all their forms; `search_query` contains
    the queries that were searched for.
    """
    queries = [body.query] if isinstance(body.query, str) else body.query
    for index, query in enumerate(queries):
        if not query.strip():
            field = "query" if isinstance(body.query, str) else f"query[{index}]"
            raise InvalidRequestError(f"{field} must contain more than white space", field=field)
    filters = None if body.filters is None else _by_name(body.filters)
    if filters is not None:
        attributes_path(filters, "filters")
    store_id, reader = store_id_of(call), call.principal.tenant

    async def find(tenant: UUID) -> list[Found]:
        if tenant == reader:
            await check_active(call.services.database, tenant, store_id)
        return await _found_in(call, structs.replace(body, filters=filters), queries, tenant)

    return FoundPage(queries, await own_or_shared_collection(call, store_id, find))


def _by_name(filter_: Any, depth: int = 1) -> Any:
    """Convert the keys of a filter, which are names of attributes, to the native form, where a dot separates names."""
    if not isinstance(filter_, dict) or depth > MAX_FILTER_DEPTH:
        return filter_
    found = dict(filter_)
    if isinstance(key := filter_.get("key"), str):
        found["key"] = [key]
    if isinstance(parts := filter_.get("filters"), list):
        found["filters"] = [_by_name(part, depth + 1) for part in parts]
    if "filter" in filter_:
        found["filter"] = _by_name(filter_["filter"], depth + 1)
    return found


async def _found_in(call: Call, body: SearchStore, queries: list[str], tenant: UUID) -> list[Found]:
    """Search the vector store in the path, which belongs to `tenant`."""
    best: dict[Any, Result] = {}
    for query in queries:
        for result in await _results(call, body, query):
            known = best.get(result.chunk_id)
            if known is None or result.score > known.score:
                best[result.chunk_id] = result
    limit = body.max_num_results or _RESULTS
    threshold = (body.ranking_options and body.ranking_options.score_threshold) or 0.0
    ordered = sorted(best.values(), key=lambda result: -result.score)
    kept = [result for result in ordered if _score(result) >= threshold][:limit]
    rows = await call.services.database.many(
        "collection_files/attributes",
        user_id=tenant,
        collection_id=store_id_of(call),
        document_ids=list({result.document_id for result in kept}),
        max_rows=max(1, len(kept)),
    )
    attributes = {row.document_id: row.attributes for row in rows}
    # A file that left the vector store meanwhile is not in it.
    return [_found(result, attributes[result.document_id]) for result in kept if result.document_id in attributes]


async def _results(call: Call, body: SearchStore, query: str) -> list[Result]:
    text, limit = _OPERATORS.sub(" ", query), body.max_num_results or _RESULTS
    options = SearchRequest(
        query=text if text.strip() else query,
        limit=limit,
        keyword_weight=_keyword_weight(body.ranking_options),
        duplicates="keep",
        collection_ids=[store_id_of(call)],
        attribute_filter=body.filters,
    )
    search = await prepare_search(call, options)
    return await search.results(limit)


def _keyword_weight(ranking: Ranking | None) -> float | None:
    """The weight of the words in a score; None means the default weight of the model."""
    if ranking is None or ranking.hybrid_search is None:
        return None
    weights = ranking.hybrid_search
    total = weights.embedding_weight + weights.text_weight
    if not total:
        field = "ranking_options.hybrid_search"
        raise InvalidRequestError(f"{field} must have a weight above 0", field=field)
    return weights.text_weight / total


def _score(result: Result) -> float:
    return min(1.0, max(0.0, result.score))


def _found(result: Result, attributes: dict[str, Any]) -> Found:
    return Found(
        file_id=shown_id(FILE, result.document_id),
        filename=result.filename,
        score=_score(result),
        attributes=attributes,
        content=[FoundText(result.content)],
    )
