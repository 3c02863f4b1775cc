"""The lanes of a search, and which one a search takes. The service chooses, not the planner: the planner's costs
know neither the tenant's size nor that a filtered scan of an approximate index loses rows.

exact   `sql/search/exact.sql`: compares the query with every vector of the tenant that the filters leave.
bits    `sql/search/bits.sql`: compares signatures first, from a covering index; the nearest of them exactly.
hnsw    `sql/search/hnsw.sql`: the approximate index over all tenants, for large tenants without a filter.

All but the exact lane are for cosine: signatures tell angles, and the index is built for them.
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
from svc.settings import Settings
from svc.signatures import signatures

logger = logging.getLogger(__name__)

# Vectors that the bits lane compares exactly: at least so many, and so many for each result asked for.
_LEAST_CANDIDATES = 200
_CANDIDATES_A_RESULT = 5

Metric = Literal["cosine", "l2", "inner_product"]
Lane = Literal["exact", "bits", "hnsw"]


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


def choose_lane(search: Search, vector_count: int, settings: Settings) -> Lane:
    """The lane for a tenant of `vector_count` vectors."""
    if search.is_exact or search.metric != "cosine" or vector_count <= settings.exact_rows:
        return "exact"
    if vector_count > settings.bits_max_rows and search.filters.is_empty:
        return "hnsw"
    return "bits"


async def run_search(database: Database, search: Search, vector_count: int, settings: Settings) -> Found:
    """Run a search down its lane.

    Where the approximate index gives fewer rows than were asked for, although the tenant has more, the bits lane
    answers instead, and the log says so.
    """
    lane = choose_lane(search, vector_count, settings)
    if lane == "exact":
        return Found(await _exact(database, search), "exact")
    if lane == "hnsw":
        rows = await _hnsw(database, search)
        if len(rows) == search.limit:
            return Found([row for row in rows if _is_similar(row, search.threshold)], "hnsw")
        logger.warning("the hnsw lane found %d of %d rows, the bits lane answers", len(rows), search.limit)
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
