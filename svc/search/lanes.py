"""The lanes of a search by meaning, and the choice of the lane. svc/search/hybrid.py also searches by keywords.

The service chooses the lane instead of the planner, whose costs reflect neither the tenant's size nor the rows that a
filtered scan of an approximate index loses.

exact   `sql/search/exact.sql`: compares the query with every vector of the tenant that passes the filters.
bits    `sql/search/bits.sql`: compares the signatures in a covering index, then the nearest candidates exactly.
        Without filters, by cosine, both have a statement that is planned once: `exact_all.sql` and `bits_all.sql`.
index   `sql/search/index.sql`: uses the own HNSW index of a large tenant. With filters,
        `sql/search/index_filtered.sql`, which compares signatures instead if few rows pass the filters.

The lanes bits and index support only cosine: signatures approximate angles, and the indexes contain signatures.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeAlias, TypedDict, TypeVar, cast
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc.database import rows as r
from svc.database.queries import Database
from svc.search.filters import FilterArguments, Filters
from svc.vectors.signatures import index_candidates, signatures

logger = logging.getLogger(__name__)

# The vectors that are compared exactly after the signatures: at least the first number, and the second number for each
# requested result. With real texts (see svc/vectors/signatures.py), the hundred nearest signatures include 0.999 of the
# ten nearest vectors, and the five hundred nearest signatures 0.994 of the hundred nearest vectors.
_LEAST_CANDIDATES = 100
_CANDIDATES_A_RESULT = 5
# A filtered search uses the tenant's index only if at least this number and this share of the tenant's chunks pass the
# filters. The scan of the index also visits chunks that do not pass, whereas the bits lane compares only the signatures
# of those that pass, in a fifth of a microsecond each. Measured by `python -m bench.search`.
_FILTERED_MIN_ROWS = 25_000
_FILTERED_MIN_SHARE = 0.25

Metric = Literal["cosine", "l2", "inner_product"]
Lane = Literal["exact", "bits", "index"]
KeywordLane = Literal["exact", "rarest"]


@dataclass(frozen=True)
class Search:
    """One search.

    `embedding` is the vector of the query, `threshold` the minimum similarity, `limit` the maximum number of results.
    With `is_exact`, no row is missed, however long the search takes. The similarity is 1 - distance for cosine,
    1 / (1 + distance) for l2, and the inner product itself.
    """

    user_id: UUID
    embedding: NDArray[np.float32]
    limit: int
    metric: Metric
    threshold: float | None
    filters: Filters
    is_exact: bool = False


Row_co = TypeVar("Row_co", covariant=True)


@dataclass(frozen=True)
class Found(Generic[Row_co]):
    """The rows of a search, best first, the lane that found them, and the statement with its arguments."""

    rows: Sequence[Row_co]
    lane: Lane | KeywordLane
    statement: str
    arguments: Mapping[str, object]


@dataclass(frozen=True)
class TenantSize:
    """A tenant's number of vectors, and whether they have their own index. Both may be some seconds old."""

    chunk_count: int
    has_index: bool


ByMeaning: TypeAlias = Found[r.SearchExact]


def choose_lane(search: Search, size: TenantSize, exact_rows: int) -> Lane:
    """The fastest lane with sufficient recall for a tenant of this size."""
    if search.is_exact or search.metric != "cosine" or size.chunk_count <= exact_rows:
        return "exact"
    return "index" if size.has_index else "bits"


async def run_search(database: Database, search: Search, size: TenantSize, exact_rows: int) -> ByMeaning:
    """Run a search in its lane.

    If the index returns fewer rows than requested although the tenant has more, the search runs again in the bits lane,
    and a warning is logged.
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
                "the tenant's index returned %d of %d rows; using the bits lane instead", len(found.rows), search.limit
            )
        return await _bits(database, search)
    return _similar(found, search.threshold)


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


async def _exact(database: Database, search: Search) -> ByMeaning:
    if search.filters.is_empty and search.metric == "cosine":
        every: _Arguments = {"user_id": search.user_id, "embedding": search.embedding, "max_rows": search.limit}
        found = Found(await database.many("search/exact_all", **every), "exact", "search/exact_all", every)
        return _similar(found, search.threshold)
    arguments: _Exact = {
        "user_id": search.user_id,
        "embedding": search.embedding,
        "metric": search.metric,
        "threshold": search.threshold,
        "max_rows": search.limit,
        **search.filters.arguments,
    }
    return Found(await database.many("search/exact", **arguments), "exact", "search/exact", arguments)


async def _bits(database: Database, search: Search) -> ByMeaning:
    if search.filters.is_empty:
        every: _Index = {
            "user_id": search.user_id,
            "embedding": search.embedding,
            "signature": _signature(search),
            "candidates": _candidates(search, _LEAST_CANDIDATES),
            "max_rows": search.limit,
        }
        found = Found(await database.many("search/bits_all", **every), "bits", "search/bits_all", every)
        return _similar(found, search.threshold)
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


async def _own_index(database: Database, search: Search) -> ByMeaning:
    arguments: _Index = {
        "user_id": search.user_id,
        "embedding": search.embedding,
        "signature": _signature(search),
        # At most as many as one round of the scan returns (hnsw.ef_search): a second round doubles the cost.
        "candidates": _candidates(search, index_candidates(len(search.embedding))),
        "max_rows": search.limit,
    }
    return Found(await database.many("search/index", **arguments), "index", "search/index", arguments)


async def _own_index_filtered(database: Database, search: Search, size: TenantSize) -> ByMeaning:
    arguments: _IndexFiltered = {
        "user_id": search.user_id,
        "embedding": search.embedding,
        "signature": _signature(search),
        # Two rounds of the scan: a filter needs them in any case, and the second finds vectors that the first missed.
        "candidates": _candidates(search, 2 * index_candidates(len(search.embedding))),
        "index_min_rows": max(_FILTERED_MIN_ROWS, int(_FILTERED_MIN_SHARE * size.chunk_count)),
        "threshold": search.threshold,
        "max_rows": search.limit,
        **search.filters.arguments,
    }
    rows = await database.many("search/index_filtered", **arguments)
    # Only a comparison of signatures can return no rows at all.
    lane: Lane = cast(Lane, rows[0].lane) if rows else "bits"
    return Found(rows, lane, "search/index_filtered", arguments)


def _signature(search: Search) -> bytes:
    return signatures(search.embedding[np.newaxis])[0]


def _candidates(search: Search, least: int) -> int:
    return max(least, _CANDIDATES_A_RESULT * search.limit)


def _similar(found: ByMeaning, threshold: float | None) -> ByMeaning:
    """Omit the rows below the threshold, which a statement without filters returns."""
    if threshold is None:
        return found
    return replace(found, rows=[row for row in found.rows if row.similarity >= threshold])
