"""Keyword and hybrid searches: `sql/search/keyword.sql` and `sql/search/hybrid_….sql`.

A hybrid search finds the hundred nearest chunks by meaning, in the lane that a search by meaning takes
(svc/search/lanes.py), and the hundred best by keywords, and orders the union of both by the weighted sum of the two
scores of every chunk. Both scores are exact, and each is scaled to 0..1 between the lowest and the highest of the
union. Ranks instead of scores would lose the margin by which a chunk is better than the next.

The keyword half scores all terms of the query, but only the candidates that svc/search/candidates.py selects: with
conditions, the chunks that contain one of the rarest words, as many words as have `postings_budget` chunks together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, TypedDict, cast
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc.database import rows as r
from svc.database.queries import Database
from svc.search.filters import FilterArguments, Filters
from svc.search.lanes import Found, KeywordLane, Lane, Metric, Search, TenantSize, choose_lane
from svc.search.query_terms import Conditions, PairedTerms, QueryTerms, ScoredTerms
from svc.vectors.signatures import index_candidates, signatures

Mode = Literal["hybrid", "meaning", "keyword"]

# The chunks that a search by keywords may compare: at least the first number, and the second number times the square
# root of the tenant's chunks, which is 10,000 for 50,000 chunks and 20,000 for 200,000. With filters, which remove some
# of them, the numbers are larger.
_LEAST_POSTINGS = 5_000
_POSTINGS_A_ROOT = 45
_FILTERED_TIMES = 4
# The hundred nearest of this number of candidates are compared with the hundred best by keywords. Only long lists need
# more.
_LEAST_CANDIDATES = 200
_CANDIDATES_A_RESULT = 5
# An index returns them in rounds of equal cost, so all rounds are full. With the local model, one round of 150 found
# the same ten as the comparison of all 10,000 vectors of a tenant; for 50,000 vectors, one round found 0.980 of the
# ten, and two rounds 0.993.
_LEAST_FROM_SMALL_INDEX = 150
_SMALL_INDEX = 20_000
KEYWORD_WEIGHT: Final = 0.5
# The local model sums the vectors of tokens, and a known word has one or two tokens. English has about 0.25 tokens per
# character; other European languages, and names in code, have 0.27 to 0.4. More tokens mean that the model knows less.
# The values were chosen with 43 collections, whose mean nDCG@10 grew by 0.004, while none fell by more than 0.016.
_LOCAL_TOKENS_A_CHARACTER = (0.27, 0.33)
_LOCAL_KEYWORD_WEIGHTS = (0.6, 0.8)


def keyword_weight_of(provider_name: str, tokens_a_character: float) -> float:
    """The weight of the keywords for the vectors of a provider, which is higher for the weaker vectors of the local
    model.

    `tokens_a_character` is that of the query; 0 if its vector is the caller's.
    """
    if provider_name != "local":
        return KEYWORD_WEIGHT
    return float(np.interp(tokens_a_character, _LOCAL_TOKENS_A_CHARACTER, _LOCAL_KEYWORD_WEIGHTS))


def postings_budget(chunk_count: int, *, is_filtered: bool) -> int:
    """The number of chunks that a search by keywords may compare for a tenant of this size."""
    budget = max(_LEAST_POSTINGS, int(_POSTINGS_A_ROOT * math.sqrt(chunk_count)))
    return budget * _FILTERED_TIMES if is_filtered else budget


@dataclass(frozen=True)
class KeywordSearch:
    """A search by the terms of a query."""

    user_id: UUID
    terms: QueryTerms
    limit: int
    filters: Filters


@dataclass(frozen=True)
class HybridSearch:
    """A search by meaning and by the terms of a query. `keyword_weight`, from 0 to 1, is the share of the keywords."""

    meaning: Search
    terms: QueryTerms
    keyword_weight: float


def choose_hybrid_lane(search: HybridSearch, size: TenantSize, exact_rows: int) -> Lane:
    """The lane of the search by meaning in a hybrid search.

    The index lane takes no conditions: its scan would be long if they leave few chunks.
    """
    lane = choose_lane(search.meaning, size, exact_rows)
    return "bits" if lane == "index" and not _has_no_limits(search.terms, search.meaning.filters) else lane


async def run_hybrid(
    database: Database, search: HybridSearch, size: TenantSize, exact_rows: int
) -> Found[r.SearchHybridExact]:
    """Run a hybrid search in its lane, with one statement."""
    lane = choose_hybrid_lane(search, size, exact_rows)
    meaning = search.meaning
    has_no_limits = _has_no_limits(search.terms, meaning.filters)
    common: _Both = {
        "user_id": meaning.user_id,
        "embedding": meaning.embedding,
        "keyword_weight": search.keyword_weight,
        "threshold": meaning.threshold,
        "max_rows": meaning.limit,
    }
    if lane == "exact" and has_no_limits and meaning.metric == "cosine":
        every: _EveryExact = {**common, **search.terms.paired}
        return Found(await database.many("search/hybrid_exact_all", **every), lane, "search/hybrid_exact_all", every)
    if lane == "exact":
        exact: _Exact = {
            **common,
            **search.terms.scored,
            "metric": meaning.metric,
            **search.terms.conditions,
            **meaning.filters.arguments,
        }
        return Found(await database.many("search/hybrid_exact", **exact), lane, "search/hybrid_exact", exact)
    candidates = max(_LEAST_CANDIDATES, _CANDIDATES_A_RESULT * meaning.limit)
    if lane == "index":
        candidates = _from_index(meaning, size)
    signature = signatures(meaning.embedding[np.newaxis])[0]
    nearest: _Nearest = {**common, "signature": signature, "candidates": candidates}
    index: _Index = {**nearest, **search.terms.paired}
    if lane == "bits" and has_no_limits:
        return Found(await database.many("search/hybrid_bits_all", **index), lane, "search/hybrid_bits_all", index)
    if lane == "bits":
        bits: _Bits = {**nearest, **search.terms.scored, **search.terms.conditions, **meaning.filters.arguments}
        return Found(await database.many("search/hybrid_bits", **bits), lane, "search/hybrid_bits", bits)
    found = await database.many("search/hybrid_index", **index)
    return Found(found, cast(Lane, found[0].lane) if found else lane, "search/hybrid_index", index)


def _has_no_limits(terms: QueryTerms, filters: Filters) -> bool:
    """Whether nothing limits the chunks, as the statements require that are planned once."""
    return filters.is_empty and not terms.has_conditions


def _from_index(search: Search, size: TenantSize) -> int:
    """The number of candidates to ask an index for: full rounds of its scan."""
    least = _LEAST_FROM_SMALL_INDEX if size.chunk_count <= _SMALL_INDEX else _LEAST_CANDIDATES
    a_round = index_candidates(len(search.embedding))
    return a_round * math.ceil(max(least, _CANDIDATES_A_RESULT * search.limit) / a_round)


async def run_keyword(database: Database, search: KeywordSearch) -> Found[r.SearchKeyword]:
    """Run a search by keywords."""
    lane: KeywordLane
    common: _Best = {"user_id": search.user_id, "max_rows": search.limit}
    if _has_no_limits(search.terms, search.filters):
        every: _EveryKeyword = {**common, **search.terms.paired}
        lane = "exact" if search.terms.is_paired_complete else "rarest"
        return Found(await database.many("search/keyword_all", **every), lane, "search/keyword_all", every)
    lane = "exact" if search.terms.is_complete else "rarest"
    arguments: _Keyword = {**common, **search.terms.scored, **search.terms.conditions, **search.filters.arguments}
    return Found(await database.many("search/keyword", **arguments), lane, "search/keyword", arguments)


class _Best(TypedDict):
    user_id: UUID
    max_rows: int


class _EveryKeyword(_Best, PairedTerms):
    pass


class _Keyword(_Best, ScoredTerms, Conditions, FilterArguments):
    pass


class _Both(_Best):
    embedding: NDArray[np.float32]
    keyword_weight: float
    threshold: float | None


class _EveryExact(_Both, PairedTerms):
    pass


class _Exact(_Both, ScoredTerms, Conditions, FilterArguments):
    metric: Metric


class _Nearest(_Both):
    signature: bytes
    candidates: int


class _Index(_Nearest, PairedTerms):
    pass


class _Bits(_Nearest, ScoredTerms, Conditions, FilterArguments):
    pass
