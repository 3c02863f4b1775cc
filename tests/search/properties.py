"""Random searches, each compared with NumPy's result for the same chunks.

`test_properties.py` runs some, and `python -m tests.campaigns.properties` runs more.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from svc.search.index_plan import planned_steps
from svc.search.own_indexes import IndexBuilder
from tests.conftest import Service
from tests.routes.answers import ok
from tests.search.corpus import (
    DIMENSIONS,
    FILE_TYPES,
    FIRST_DAY,
    Corpus,
    Distances,
    StoredChunk,
    distances,
    make_corpus,
    random_vectors,
    similarities,
)
from tests.search.test_bits import clustered_vectors

Lane = Literal["exact", "bits", "index"]
LANES: tuple[Lane, ...] = ("exact", "bits", "index")
LEAST_RECALL = 0.98
UNKNOWN_DOCUMENT = UUID(int=7)
# Session settings with which the planner uses the index, although it could sort a few hundred rows quickly.
NO_OTHER_PLAN = {"enable_sort": "off", "enable_seqscan": "off", "enable_bitmapscan": "off"}


# The data


def integer_vectors(count: int, seed: int) -> NDArray[np.float16]:
    """Vectors of zeros with two or three small whole numbers: most have equal distances from a query, and many are
    equal.

    Their products and squares are exact in any precision, so NumPy's distances equal the server's to the last bit.
    """
    random = np.random.default_rng(seed)
    vectors = np.zeros((count, DIMENSIONS), dtype=np.float16)
    for vector in vectors:
        vector[random.choice(10, size=3, replace=False)] = random.choice([-1, 1, 2], size=3)
    return vectors


def repeated_vectors(count: int, seed: int) -> NDArray[np.float16]:
    """The same forty vectors repeatedly, in every document."""
    picks = np.random.default_rng(seed).integers(0, 40, count)
    return np.asarray(random_vectors(40, 4)[picks])


@dataclass(frozen=True)
class Structure:
    """The distribution of a tenant's vectors, and their number in each document."""

    vectors: Callable[[int, int], NDArray[np.float16]]
    sizes: list[int]


STRUCTURES = {
    "clustered": Structure(clustered_vectors, [1, 20, 200, 90, 3, 150, 60, 240, 7, 120, 80, 300, 40, 29]),
    "random": Structure(random_vectors, [1, 150, 40, 2, 90, 75, 12, 130, 60, 40]),
    "repeated": Structure(repeated_vectors, [30, 1, 120, 60, 4, 85, 50]),
    "integers": Structure(integer_vectors, [5, 40, 1, 90, 64, 100]),
    "tiny": Structure(random_vectors, [2, 1]),
}


@dataclass(frozen=True)
class Twins:
    """Two tenants with the same vectors. A search that ignored its tenant would find the other's at the same
    distance."""

    without_index: Corpus
    with_index: Corpus

    def of(self, lane: Lane) -> tuple[Corpus, Corpus]:
        """The twin who searches on this lane, and the other one."""
        if lane == "bits":
            return self.without_index, self.with_index
        # The exact lane is also tested where an index could affect it.
        return self.with_index, self.without_index


async def make_twins(service: Service) -> dict[str, Twins]:
    """Twins for each structure, on a service where every tenant counts as large (`exact_max_rows=0`)."""
    twins = {}
    for name, structure in STRUCTURES.items():
        vectors = [structure.vectors(size, 100 + number) for number, size in enumerate(structure.sizes)]
        twins[name] = Twins(await make_corpus(service, vectors), await make_corpus(service, vectors))
    await give_indexes(service, [each.with_index.tenant.id for each in twins.values()])
    return twins


async def give_indexes(service: Service, tenant_ids: Iterable[str]) -> None:
    """Create an own index for these tenants only."""
    owners = {UUID(tenant_id) for tenant_id in tenant_ids}
    builder = await IndexBuilder.open(service.url, service.services.database.statements)
    for step in await planned_steps(service.services.database, 1):
        if step.user_id in owners:
            await builder.apply(step)
    await builder.close()


# The requests


@dataclass(frozen=True)
class Query:
    """A vector to search with: a stored one (by its number) times `factor`, with noise relative to its length."""

    stored: int
    factor: float
    noise: float
    seed: int

    def vector(self, corpus: Corpus) -> list[float]:
        """Its components."""
        base = corpus.chunks[self.stored % len(corpus.chunks)].vector.astype(np.float64)
        noise = np.random.default_rng(self.seed).standard_normal(DIMENSIONS) / DIMENSIONS**0.5
        return usable(self.factor * (base + self.noise * float(np.linalg.norm(base)) * noise))


@dataclass(frozen=True)
class Written:
    """A vector to search with, whose components are drawn one by one."""

    components: tuple[float, ...]

    def vector(self, _: Corpus) -> list[float]:
        """Its components."""
        return usable(np.array(self.components))


def usable(vector: NDArray[np.float64]) -> list[float]:
    """The vector, in the range of half precision and not zero."""
    vector = np.clip(vector, -65504, 65504)
    if not vector.astype(np.float16).any():
        vector[0] = 1
    return [float(component) for component in vector]


@dataclass(frozen=True)
class Threshold:
    """The similarity of the chunk with this rank among those that match the filters, or slightly more or less."""

    rank: int
    nudge: float


@dataclass(frozen=True)
class Drawn:
    """One search. Documents are numbers: from 0 the tenant's own, -1 the twin's first, -2 one that never existed."""

    structure: str
    query: Query | Written
    limit: int
    metric: str = "cosine"
    threshold: Threshold | float | None = None
    documents: list[int] | None = None
    metadata: dict[str, Any] | None = None
    file_types: list[str] | None = None
    after: datetime | None = None
    before: datetime | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether it is limited by more than the tenant."""
        filters = (self.documents, self.metadata, self.file_types, self.after, self.before)
        return any(each is not None for each in filters)

    def document_ids(self, corpus: Corpus, other: Corpus) -> list[str] | None:
        """The documents by their ids."""
        if self.documents is None:
            return None
        own = corpus.document_ids
        strange = {-1: other.document_ids[0], -2: str(UNKNOWN_DOCUMENT)}
        return [strange[number] if number < 0 else own[number % len(own)] for number in self.documents]

    def leaves(self, corpus: Corpus, document_ids: list[str] | None) -> list[StoredChunk]:
        """The chunks that match the filters."""
        return corpus.of(
            lambda chunk: (
                (document_ids is None or chunk.document_id in document_ids)
                and (self.metadata is None or contains(document_metadata(chunk), self.metadata))
                and (self.file_types is None or chunk.file_type in self.file_types)
                and (self.after is None or chunk.created_at >= self.after)
                and (self.before is None or chunk.created_at < self.before)
            )
        )


def document_metadata(chunk: StoredChunk) -> dict[str, Any]:
    """The metadata of the document, without that of the chunk."""
    return {name: value for name, value in chunk.metadata.items() if name != "page"} | {"both": "the document's"}


def contains(there: Any, wanted: Any) -> bool:
    """Whether one JSON value contains another, like the server's `@>`."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(
            name in there and contains(there[name], value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(there, list) and all(any(contains(one, value) for one in there) for value in wanted)
    return type(there) is type(wanted) and bool(there == wanted)


def draw_whole_numbers() -> st.SearchStrategy[Query | Written]:
    """Vectors like those of `integer_vectors`."""
    whole = st.lists(st.integers(-2, 2), min_size=10, max_size=10)
    return whole.map(lambda some: Written((*map(float, some), *[0.0] * (DIMENSIONS - 10))))


def draw_queries() -> st.SearchStrategy[Query | Written]:
    """Vectors of stored chunks, near them, opposite to them and far from all; whole numbers; a few large components."""
    stored = st.builds(
        Query,
        stored=st.integers(0, 2000),
        factor=st.sampled_from([1.0, 1.0, 1.0, -1.0, 1e-3, 30.0]),
        noise=st.sampled_from([0.0, 0.1, 0.5, 1.0, 10.0]),
        seed=st.integers(0, 2**16),
    )
    components = st.floats(-65504, 65504, width=16)
    sparse = arrays(np.float64, DIMENSIONS, elements=components, fill=st.just(0.0))
    return st.one_of(stored, stored, draw_whole_numbers(), sparse.map(lambda each: Written(tuple(each.tolist()))))


def draw_moments() -> st.SearchStrategy[datetime]:
    """Timestamps of the documents, between them, and a microsecond apart from them."""
    return st.builds(
        lambda half_days, microseconds: FIRST_DAY + timedelta(days=half_days / 2, microseconds=microseconds),
        st.integers(-2, 30),
        st.sampled_from([0, 0, 1, -1]),
    )


def draw_metadata() -> st.SearchStrategy[dict[str, Any]]:
    """Metadata filters that match many, one or no documents."""
    tags: st.SearchStrategy[list[Any]] = st.one_of(
        st.just(["all"]), st.integers(0, 14).map(lambda number: [number]), st.just([]), st.just(["All"])
    )
    optional: dict[str, st.SearchStrategy[Any]] = {
        "topic": st.sampled_from(["sea", "sky", "land", "sea", "sky", "land", "Sea", None]),
        "number": st.integers(0, 14),
        "nested": st.one_of(st.just({}), tags.map(lambda each: {"tags": each})),
        "both": st.sampled_from(["the document's", "the document's", "the chunk's"]),
    }
    # One or two filters, since all four together match hardly any chunk.
    names = st.lists(st.sampled_from(sorted(optional)), max_size=2, unique=True)
    return names.flatmap(lambda some: st.fixed_dictionaries({name: optional[name] for name in some}))


@st.composite
def draw_filters(draw: st.DrawFn) -> dict[str, Any]:
    """Any combination of filters, none of them in a third of the cases."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "documents": st.lists(st.integers(-2, 14), max_size=12),
        "metadata": draw_metadata(),
        "file_types": st.lists(st.sampled_from(FILE_TYPES), max_size=5),
        "after": draw_moments(),
        "before": draw_moments(),
    }
    count = draw(st.sampled_from([0, 0, 0, 1, 1, 1, 2, 2, 3, 5]))
    chosen = draw(st.permutations(sorted(kinds)))[:count]
    return {name: draw(kinds[name]) if name in chosen else None for name in sorted(kinds)}


@st.composite
def draw_searches(draw: st.DrawFn) -> Drawn:
    """Whole searches."""
    structure = draw(st.sampled_from([*STRUCTURES, "clustered", "random"]))
    queries = draw_whole_numbers() if structure == "integers" and draw(st.booleans()) else draw_queries()
    ranks = st.builds(Threshold, st.integers(0, 10) | st.integers(0, 120), st.sampled_from([0.0, 0.0, 1e-3, -1e-3]))
    thresholds = st.one_of(st.none(), st.none(), ranks, st.sampled_from([-1e300, -1.0, 0.0, 0.5, 1.0, 1e300]))
    # Hypothesis prefers small numbers, but recall is measured on many rows.
    limits = st.one_of(st.sampled_from([5, 10, 20, 40, 100]), st.sampled_from([1, 100]), st.integers(1, 100))
    return Drawn(
        structure=structure,
        query=draw(queries),
        limit=draw(limits),
        metric=draw(st.sampled_from(["cosine", "cosine", "cosine", "l2", "inner_product"])),
        threshold=draw(thresholds),
        **draw(draw_filters()),
    )


# How it is compared


@dataclass
class Tally:
    """The number of nearest chunks found, by structure, and the number of searches on each lane."""

    found: Counter[str] = field(default_factory=Counter)
    wanted: Counter[str] = field(default_factory=Counter)
    lanes: Counter[str] = field(default_factory=Counter)

    def recalls(self) -> dict[str, float]:
        """The recall for each structure."""
        return {name: self.found[name] / wanted for name, wanted in self.wanted.items()}


@dataclass
class Answer:
    """The chunks that a search had to consider, NumPy's distances to them, and the results of the service."""

    drawn: Drawn
    query: list[float]
    left: list[StoredChunk]
    threshold: float | None
    results: list[dict[str, Any]]

    @cached_property
    def expected(self) -> Distances:
        """NumPy's distance of each chunk."""
        return distances(self.query, self.left, self.drawn.metric) if self.left else np.empty(0)

    @cached_property
    def tolerance(self) -> float:
        """The tolerance for the server's distances, which are summed in single precision."""
        if self.drawn.metric == "cosine" or not self.left:
            return 5e-6
        vectors = np.array([chunk.vector for chunk in self.left], dtype=np.float64)
        longest = float(np.linalg.norm(vectors, axis=1).max())
        length = float(np.linalg.norm(self.query))
        return 5e-6 * (1 + (longest + length if self.drawn.metric == "l2" else longest * length))


async def ask(twins: dict[str, Twins], lane: Lane, drawn: Drawn, tally: Tally) -> None:
    """Search on this lane, and compare; the tally counts chunks that an approximate lane has missed."""
    corpus, other = twins[drawn.structure].of(lane)
    query, document_ids = drawn.query.vector(corpus), drawn.document_ids(corpus, other)
    left = drawn.leaves(corpus, document_ids)
    threshold = similarity_of(drawn, query, left) if isinstance(drawn.threshold, Threshold) else drawn.threshold
    body = {
        "embedding": query,
        "limit": drawn.limit,
        "metric": drawn.metric,
        "threshold": threshold,
        "recall": "exact" if lane == "exact" else None,
        "document_ids": document_ids,
        "metadata": drawn.metadata,
        "file_types": drawn.file_types,
        "uploaded_after": drawn.after.isoformat() if drawn.after else None,
        "uploaded_before": drawn.before.isoformat() if drawn.before else None,
    }
    found = ok(await corpus.tenant.post("/search", json=body))
    tally.lanes[found["lane"]] += 1
    answer = Answer(drawn, query, left, threshold, found["results"])
    check_rows(answer)
    if lane == "exact" or drawn.metric != "cosine":
        assert found["lane"] == "exact"
        check_exact(answer)
    else:
        if not drawn.is_filtered:
            is_enough = len(left) >= drawn.limit
            assert found["lane"] == ("index" if lane == "index" and is_enough else "bits")
        check_count(answer)
        count_found(answer, tally)


def similarity_of(drawn: Drawn, query: list[float], left: list[StoredChunk]) -> float:
    """The threshold for a rank among these chunks."""
    assert isinstance(drawn.threshold, Threshold)
    if not left:
        return 0.0
    sorted_ = np.sort(distances(query, left, drawn.metric))
    nearest = sorted_[min(drawn.threshold.rank, len(sorted_) - 1)]
    return float(similarities(np.array(nearest), drawn.metric)) + drawn.threshold.nudge


def check_rows(answer: Answer) -> None:
    """Check every lane: each row matches the filters and is correct, in order, within the threshold and not
    repeated."""
    drawn, results = answer.drawn, answer.results
    assert len(results) <= min(drawn.limit, len(answer.left))
    places = [(result["distance"], result["chunk_id"]) for result in results]
    assert all(one < next_ for one, next_ in itertools.pairwise(places)), (
        "out of order, or equal distances not ordered by id"
    )
    by_id = dict(zip([chunk.id for chunk in answer.left], zip(answer.left, answer.expected, strict=True), strict=True))
    for result in results:
        assert result["chunk_id"] in by_id, "a chunk that the filters or the tenancy should have excluded"
        chunk, distance = by_id[result["chunk_id"]]
        assert abs(result["distance"] - distance) <= answer.tolerance
        assert result["similarity"] == similarities(np.array(result["distance"]), drawn.metric)
        assert answer.threshold is None or result["similarity"] >= answer.threshold
        assert (result["document_id"], result["content"]) == (chunk.document_id, chunk.content)
        assert (result["metadata"], result["chunk_index"]) == (chunk.metadata, chunk.metadata["page"])
        assert result["filename"] == f"{chunk.metadata['number']}.txt"


def check_exact(answer: Answer) -> None:
    """Check that nothing is missing, and that the lower ids come first among equal distances."""
    drawn, results, expected = answer.drawn, answer.results, answer.expected
    found = {result["chunk_id"] for result in results}
    missing = [n for n, chunk in enumerate(answer.left) if chunk.id not in found]
    highest = {chunk.vector.tobytes(): chunk.id for chunk in sorted(answer.left, key=id_of) if chunk.id in found}
    for n in missing:
        chunk, similarity = answer.left[n], float(similarities(expected[n], drawn.metric))
        if len(results) == drawn.limit:
            assert expected[n] >= results[-1]["distance"] - answer.tolerance, "a nearer chunk is missing"
            assert chunk.id > highest.get(chunk.vector.tobytes(), ""), (
                "among equal distances, the lower ids are missing"
            )
        else:
            assert answer.threshold is not None, "fewer results than chunks"
            assert similarity < answer.threshold + answer.tolerance, "a chunk over the threshold is missing"
            assert chunk.vector.tobytes() not in highest, "some chunks with equal distances are missing"
    if drawn.structure == "integers" and isinstance(drawn.query, Written) and all_whole(answer.query):
        check_to_the_last_bit(answer)


def check_to_the_last_bit(answer: Answer) -> None:
    """Check a search whose arithmetic is exact, except for the last division or root, which rounds identically."""
    expected = answer.expected
    ids = np.array([chunk.id for chunk in answer.left], dtype="U36")
    nearest = np.lexsort((ids, expected))[: answer.drawn.limit]
    if answer.threshold is not None:
        nearest = nearest[similarities(expected[nearest], answer.drawn.metric) >= answer.threshold]
    found = [(result["chunk_id"], result["distance"]) for result in answer.results]
    assert found == [(str(ids[n]), float(expected[n])) for n in nearest]


def check_count(answer: Answer) -> None:
    """Check that an approximate lane returns all rows if the threshold excludes none of them."""
    least = similarities(answer.expected, answer.drawn.metric).min(initial=np.inf) - answer.tolerance
    if answer.threshold is None or answer.threshold <= least:
        assert len(answer.results) == min(answer.drawn.limit, len(answer.left))


def count_found(answer: Answer, tally: Tally) -> None:
    """Count the nearest chunks that an approximate lane has found. Any of equally near chunks counts."""
    nearest = np.sort(answer.expected)[: answer.drawn.limit]
    if answer.threshold is not None:
        nearest = nearest[similarities(nearest, answer.drawn.metric) >= answer.threshold + answer.tolerance]
    if len(nearest):
        found = sum(result["distance"] <= nearest[-1] + answer.tolerance for result in answer.results)
        tally.found[answer.drawn.structure] += min(int(found), len(nearest))
        tally.wanted[answer.drawn.structure] += len(nearest)


def all_whole(vector: list[float]) -> bool:
    """Whether it has only small whole numbers."""
    return all(component.is_integer() and abs(component) <= 2 for component in vector)


def id_of(chunk: StoredChunk) -> str:
    """The order of equal distances."""
    return chunk.id


def compare(
    run: Callable[[Coroutine[Any, Any, None]], None],
    twins: dict[str, Twins],
    lane: Lane,
    *,
    examples: int,
    is_repeatable: bool = True,
) -> Tally:
    """Draw searches and compare each on this lane; `run` runs a coroutine in the event loop of the twins' service.

    Hypothesis calls a plain function, so that its work after a failure also stays in one loop.
    """
    tally = Tally()

    @settings(
        max_examples=examples,
        derandomize=is_repeatable,
        database=None,
        deadline=None,
        # Shrinking counts the same search many times, but a failure ends the tally anyway.
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(drawn=draw_searches())
    def each(drawn: Drawn) -> None:
        run(ask(twins, lane, drawn, tally))

    each()
    return tally
