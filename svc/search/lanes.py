"""The lanes of a search, and which one a search takes. The service chooses, not the planner: the planner's costs
know neither the tenant's size nor that a filtered scan of an approximate index loses rows.

exact   `sql/search/exact.sql`: compares the query with every vector of the tenant that the filters leave.
bits    `sql/search/bits.sql`: compares signatures first, from a covering index; the nearest of them exactly.
index   `sql/search/index.sql`: the HNSW index that a large tenant has of their own. With filters
        `sql/search/index_filtered.sql`, which goes by signatures instead where the filters leave few.

All but the exact lane are for cosine: signatures tell angles, and the indexes are built for them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypedDict, cast
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc.database import rows as r
from svc.database.queries import Database
from svc.search.filters import FilterArguments, Filters
from svc.vectors.signatures import index_candidates, signatures

logger = logging.getLogger(__name__)

# Vectors that are compared exactly after the signatures: at least so many, and so many for each result asked for. Of
# real texts (see svc/vectors/signatures.py) the hundred nearest signatures hold 0.999 of the ten nearest vectors, the
# five hundred nearest 0.994 of the hundred nearest.
_LEAST_CANDIDATES = 100
_CANDIDATES_A_RESULT = 5
# Filters must leave so many of a tenant's chunks, and this share of them, for the tenant's index to be worth it: its
# scan meets the chunks that they refuse too, while signatures are compared only of those that they leave (a fifth of
# a microsecond each). Measured by `python -m bench.search`.
_FILTERED_MIN_ROWS = 25_000
_FILTERED_MIN_SHARE = 0.25

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
    """The rows of a search, most similar first, the lane that found them, and the statement that it ran for them."""

    rows: Sequence[r.SearchExact]
    lane: Lane
    statement: str
    arguments: Mapping[str, object]


@dataclass(frozen=True)
class TenantSize:
    """What is known of a tenant, some seconds old: their vectors, and whether they have an index of their own."""

    chunk_count: int
    has_index: bool


def choose_lane(search: Search, size: TenantSize, exact_rows: int) -> Lane:
    """The fastest lane that keeps the recall, for a tenant of this size."""
    if search.is_exact or search.metric != "cosine" or size.chunk_count <= exact_rows:
        return "exact"
    return "index" if size.has_index else "bits"


async def run_search(database: Database, search: Search, size: TenantSize, exact_rows: int) -> Found:
    """Run a search down its lane.

    Where the index gives fewer rows than were asked for, although the tenant has more, the bits lane answers
    instead, and the log says so.
    """
    lane = choose_lane(search, size, exact_rows)
    if lane == "exact":
        return await _exact(database, search)
    if lane == "bits":
        return await _bits(database, search)
    if not search.filters.is_empty:
        return await _own_index_filtered(database, search, size)
    found = await _own_index(database, search)
    if len(found.rows) < search.limit:
        if len(found.rows) < size.chunk_count:
            logger.warning(
                "the tenant's index gave %d of %d rows, the bits lane answers", len(found.rows), search.limit
            )
        return await _bits(database, search)
    return replace(found, rows=[row for row in found.rows if _is_similar(row, search.threshold)])


class _Arguments(TypedDict):
    user_id: UUID
    embedding: NDArray[np.float32]
    max_rows: int


class _Filtered(_Arguments, FilterArguments):
    threshold: float | None


class _Exact(_Filtered):
    metric: Metric


class _Index(_Arguments):
    signature: bytes
    candidates: int


class _Bits(_Filtered, _Index):
    pass


class _IndexFiltered(_Bits):
    index_min_rows: int


async def _exact(database: Database, search: Search) -> Found:
    arguments: _Exact = {
        "user_id": search.user_id,
        "embedding": search.embedding,
        "metric": search.metric,
        "threshold": search.threshold,
        "max_rows": search.limit,
        **search.filters.arguments,
    }
    return Found(await database.many("search/exact", **arguments), "exact", "search/exact", arguments)


async def _bits(database: Database, search: Search) -> Found:
    arguments: _Bits = {
        "user_id": search.user_id,
        "embedding": search.embedding,
        "signature": _signature(search),
        "candidates": _candidates(search, _LEAST_CANDIDATES),
        "threshold": search.threshold,
        "max_rows": search.limit,
        **search.filters.arguments,
    }
    return Found(await database.many("search/bits", **arguments), "bits", "search/bits", arguments)


async def _own_index(database: Database, search: Search) -> Found:
    arguments: _Index = {
        "user_id": search.user_id,
        "embedding": search.embedding,
        "signature": _signature(search),
        # No more than one round of the scan gives (hnsw.ef_search): a second costs as much again.
        "candidates": _candidates(search, index_candidates(len(search.embedding))),
        "max_rows": search.limit,
    }
    return Found(await database.many("search/index", **arguments), "index", "search/index", arguments)


async def _own_index_filtered(database: Database, search: Search, size: TenantSize) -> Found:
    arguments: _IndexFiltered = {
        "user_id": search.user_id,
        "embedding": search.embedding,
        "signature": _signature(search),
        # Two rounds of the scan: a filter makes it go on anyway, and it finds what the first round passed by.
        "candidates": _candidates(search, 2 * index_candidates(len(search.embedding))),
        "index_min_rows": max(_FILTERED_MIN_ROWS, int(_FILTERED_MIN_SHARE * size.chunk_count)),
        "threshold": search.threshold,
        "max_rows": search.limit,
        **search.filters.arguments,
    }
    rows = await database.many("search/index_filtered", **arguments)
    # Nothing was found: then it was the signatures that found nothing, whatever the filters left.
    lane: Lane = cast(Lane, rows[0].lane) if rows else "bits"
    return Found(rows, lane, "search/index_filtered", arguments)


def _signature(search: Search) -> bytes:
    return signatures(search.embedding[np.newaxis])[0]


def _candidates(search: Search, least: int) -> int:
    return max(least, _CANDIDATES_A_RESULT * search.limit)


def _is_similar(row: r.SearchExact, threshold: float | None) -> bool:
    return threshold is None or row.similarity >= threshold
