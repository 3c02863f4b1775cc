"""The lanes of a search, and which one a search takes. The service chooses, not the planner: the planner's costs
know neither the tenant's size nor that a filtered scan of an approximate index loses rows.

exact   `sql/search/exact.sql`: compares the query with every vector of the tenant that the filters leave.
hnsw    `sql/search/hnsw.sql`: the approximate index over all tenants, for large tenants, cosine, no filter.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from svc.database.queries import Database, Row
from svc.search.filters import Filters

logger = logging.getLogger(__name__)

Metric = Literal["cosine", "l2", "inner_product"]
Lane = Literal["exact", "hnsw"]


@dataclass(frozen=True)
class Search:
    """One search: `embedding` is the query's vector, `threshold` the least similarity, `limit` the most results.

    Similarity is 1 - distance for cosine, 1 / (1 + distance) for l2, and the inner product itself.
    """

    user_id: UUID
    embedding: Any
    limit: int
    metric: Metric
    threshold: float | None
    filters: Filters


@dataclass(frozen=True)
class Found:
    """The rows of a search, most similar first, and the lane that found them."""

    rows: Sequence[Row]
    lane: Lane


def choose_lane(search: Search, vector_count: int, exact_max_rows: int) -> Lane:
    """The lane for a tenant of `vector_count` vectors."""
    if vector_count > exact_max_rows and search.metric == "cosine" and search.filters.is_empty:
        return "hnsw"
    return "exact"


async def run_search(database: Database, search: Search, vector_count: int, exact_max_rows: int) -> Found:
    """Run a search down its lane.

    Where the approximate lane finds fewer rows than were asked for, although the tenant has more, the exact lane
    answers instead, and the log says so.
    """
    if choose_lane(search, vector_count, exact_max_rows) == "hnsw":
        rows = await _hnsw(database, search)
        if len(rows) == search.limit:
            return Found([row for row in rows if _is_similar(row, search.threshold)], "hnsw")
        logger.warning("the hnsw lane found %d of %d rows, the exact lane answers", len(rows), search.limit)
    return Found(await _exact(database, search), "exact")


async def _hnsw(database: Database, search: Search) -> Sequence[Row]:
    return await database.many("search/hnsw", user_id=search.user_id, embedding=search.embedding, max_rows=search.limit)


async def _exact(database: Database, search: Search) -> Sequence[Row]:
    filters = search.filters
    return await database.many(
        "search/exact",
        user_id=search.user_id,
        embedding=search.embedding,
        metric=search.metric,
        threshold=search.threshold,
        document_ids=filters.document_ids,
        metadata=filters.metadata,
        file_types=filters.file_types,
        uploaded_after=filters.uploaded_after,
        uploaded_before=filters.uploaded_before,
        max_rows=search.limit,
    )


def _is_similar(row: Row, threshold: float | None) -> bool:
    return threshold is None or row["similarity"] >= threshold
