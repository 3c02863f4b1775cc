"""Searching chunks by meaning and by keywords."""

from __future__ import annotations

import time

from msgspec import UNSET, Struct, UnsetType

from svc.errors import ForbiddenError
from svc.plans.explain import analyze
from svc.routes.chunk_search import Result, SearchRequest
from svc.routes.explanations import Explanation, explanation
from svc.routes.query_vectors import SEARCH_BODY_BYTES
from svc.routes.search_preparation import prepare_search
from svc.search.hybrid import Mode
from svc.search.lanes import KeywordLane, Lane
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("search")


class SearchQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`explain` requests an explanation with the results. It requires the admin key."""

    explain: bool = False


class SearchResponse(Struct, frozen=True):
    """The chunks found, best first, the mode and lane that found them, and the `explanation`, if requested.

    In mode hybrid, `lane` is that of the search by meaning.
    """

    results: list[Result]
    mode: Mode
    lane: Lane | KeywordLane
    explanation: Explanation | UnsetType = UNSET


@routes.post(
    "/search",
    errors=(503,),
    reads=True,
    within=True,
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

    A search runs one statement, one more with `conversation_id`, one with `collection_ids` or those of the
    conversation, and one with `neighbours`, or if duplicates reduced the number of results. No database connection is
    held while the query is embedded. `explain=true`, which requires the admin key, runs the statement again to show its
    plan.
    """
    if query.explain and not call.principal.is_admin:
        raise ForbiddenError("explain=true requires the admin key, with Cabinet-User; plans are only for operators")
    found = await prepare_search(call, body)
    started = time.perf_counter()
    results = await found.results(body.limit)
    search_s = time.perf_counter() - started
    last, mode = found.last, found.mode
    if not query.explain:
        return SearchResponse(results, mode, last.lane)
    call.answer_headers["Cache-Control"] = "no-store"
    plan = await analyze(call.services.database, last.statement, **last.arguments)
    shown = explanation(last.statement, plan, embedding_s=found.embedding_s, search_s=search_s)
    return SearchResponse(results, mode, last.lane, shown)
