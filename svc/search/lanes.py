"""The lanes of a search, and which one a search takes. The service chooses, not the planner: the planner's costs
know neither the tenant's size nor that a filtered scan of an approximate index loses rows.

exact   `sql/search/exact.sql`: compares the query with every vector of the tenant that the filters leave.
bits    `sql/search/bits.sql`: compares signatures first, from a covering index; the nearest of them exactly.
index   `sql/search/index.sql`: the HNSW index that a large tenant has of their own, without a filter.

All but the exact lane are for cosine: signatures tell angles, and the indexes are built for them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc.database.queries import Database, Row
from svc.search.filters import Filters
from svc.signatures import signatures

logger = logging.getLogger(__name__)

# Vectors that the bits lane compares exactly: at least so many, and so many for each result asked for.
_LEAST_CANDIDATES = 200
_CANDIDATES_A_RESULT = 5

Metric = Literal["cosine", "l2", "inner_product"]
Lane = Literal["exact", "bits", "index"]


@dataclass(frozen=True)
class Search:
    """One search: `embedding` is the query's vector, `threshold` the least similarity, `limit` the most results,
    `is_exact` that no row may be missed, however long it takes.

    Similarity is 1 - distance for cosine, 1 / (1 + distance) for l2, and the inner product itself.
    """

    user_id: UUID
    embedding: NDArray[np.float32]
    limit: int
    metric: Metric
    threshold: float | None
    filters: Filters
    is_exact: bool = False


@dataclass(frozen=True)
class Found:
    """The rows of a search, most similar first, and the lane that found them."""

    rows: Sequence[Row]
    lane: Lane


@dataclass(frozen=True)
class TenantSize:
    """What is known of a tenant, some seconds old: their vectors, and whether they have an index of their own."""

    vector_count: int
    has_index: bool


def choose_lane(search: Search, size: TenantSize, exact_rows: int) -> Lane:
    """The fastest lane that keeps the recall, for a tenant of this size."""
    if search.is_exact or search.metric != "cosine" or size.vector_count <= exact_rows:
        return "exact"
    return "index" if size.has_index and search.filters.is_empty else "bits"


async def run_search(database: Database, search: Search, size: TenantSize, exact_rows: int) -> Found:
    """Run a search down its lane.

    Where the index gives fewer rows than were asked for, although the tenant has more, the bits lane answers
    instead, and the log says so.
    """
    lane = choose_lane(search, size, exact_rows)
    if lane == "exact":
        return Found(await _exact(database, search), "exact")
    if lane == "index":
        rows = await _own_index(database, search)
        if len(rows) == search.limit:
            return Found([row for row in rows if _is_similar(row, search.threshold)], "index")
        logger.warning("the tenant's index gave %d of %d rows, the bits lane answers", len(rows), search.limit)
    return Found(await _bits(database, search), "bits")


async def _bits(database: Database, search: Search) -> Sequence[Row]:
    filters = search.filters
    return await database.many(
        "search/bits",
        user_id=search.user_id,
        embedding=search.embedding,
        signature=signatures(search.embedding[np.newaxis])[0],
        candidates=max(_LEAST_CANDIDATES, _CANDIDATES_A_RESULT * search.limit),
        threshold=search.threshold,
        document_ids=filters.document_ids,
        metadata=filters.metadata,
        file_types=filters.file_types,
        uploaded_after=filters.uploaded_after,
        uploaded_before=filters.uploaded_before,
        max_rows=search.limit,
    )


async def _own_index(database: Database, search: Search) -> Sequence[Row]:
    return await database.many(
        "search/index", user_id=search.user_id, embedding=search.embedding, max_rows=search.limit
    )


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
