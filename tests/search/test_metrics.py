"""The results of searches for each metric, compared with NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.conftest import Service
from tests.routes.answers import ok
from tests.search.corpus import DIMENSIONS, Corpus, check, make_corpus, random_vectors

METRICS = ["cosine", "l2", "inner_product"]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("limit", [1, 5, 100])
async def test_the_results_are_those_of_numpy(
    corpus: Corpus, queries: list[list[float]], metric: str, limit: int
) -> None:
    for query in queries:
        found = ok(await corpus.tenant.post("/search", json={"embedding": query, "metric": metric, "limit": limit}))
        assert found["lane"] == "exact"
        check(found["results"], query, corpus.chunks, metric=metric, limit=limit)


async def test_the_metrics_disagree(corpus: Corpus, queries: list[list[float]]) -> None:
    """Control of the previous test: the metrics rank the chunks differently."""
    tops = [
        [result["chunk_id"] for result in ok(await corpus.tenant.post("/search", json=body))["results"]]
        for body in ({"embedding": queries[0], "metric": metric} for metric in METRICS)
    ]
    assert tops[0] != tops[1] != tops[2] != tops[0]


async def test_the_default_is_five_results_by_cosine(corpus: Corpus, queries: list[list[float]]) -> None:
    plain = ok(await corpus.tenant.post("/search", json={"embedding": queries[0]}))
    said = ok(await corpus.tenant.post("/search", json={"embedding": queries[0], "metric": "cosine", "limit": 5}))
    assert plain == said
    assert len(plain["results"]) == 5


async def test_the_query_has_the_precision_of_stored_vectors(corpus: Corpus) -> None:
    """The distance of a stored vector from itself is 0, even if it is sent with more digits than are stored."""
    chunk = corpus.chunks[100]
    query = [float(component) * (1 + 1e-5) for component in chunk.vector]
    for metric in ("cosine", "l2"):
        best = ok(await corpus.tenant.post("/search", json={"embedding": query, "metric": metric}))["results"][0]
        assert best["chunk_id"] == chunk.id
        assert best["distance"] == pytest.approx(0, abs=1e-6)
        assert best["similarity"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("metric", METRICS)
async def test_the_threshold_is_inclusive(corpus: Corpus, queries: list[list[float]], metric: str) -> None:
    body = {"embedding": queries[1], "metric": metric, "limit": 10}
    everything = ok(await corpus.tenant.post("/search", json=body))["results"]
    edge = everything[3]["similarity"]
    for threshold, left in (
        (edge, 4), (math.nextafter(edge, math.inf), 3), (everything[9]["similarity"], 10), (-1e300, 10), (1e300, 0),
    ):  # fmt: skip
        kept = ok(await corpus.tenant.post("/search", json={**body, "threshold": threshold}))["results"]
        assert kept == everything[:left]


@pytest.mark.parametrize("metric", METRICS)
async def test_ties_have_a_fixed_order(searching: Service, metric: str) -> None:
    """They are ordered by id, across documents, whatever the limit."""
    one = np.tile(random_vectors(1, 7), (6, 1))
    corpus = await make_corpus(searching, [one, one])
    query = [float(component) for component in random_vectors(1, 8)[0]]
    expected = sorted(chunk.id for chunk in corpus.chunks)
    for limit in (1, 2, 5, 12, 50):
        body = {"embedding": query, "metric": metric, "limit": limit}
        for _ in range(2):
            results = ok(await corpus.tenant.post("/search", json=body))["results"]
            assert [result["chunk_id"] for result in results] == expected[:limit]
            assert len({result["similarity"] for result in results}) == 1


@pytest.mark.parametrize("metric", METRICS)
async def test_the_largest_and_smallest_numbers_are_searched(searching: Service, metric: str) -> None:
    """At both ends of half precision, no result is infinite or NaN."""
    rows = np.zeros((4, DIMENSIONS), dtype=np.float16)
    rows[0], rows[1], rows[2, 0], rows[3, 5] = 65504, -65504, 6e-8, -1
    corpus = await make_corpus(searching, [rows])
    for query in (rows[0], rows[1], rows[2], rows[3]):
        embedding = [float(component) for component in query]
        results = ok(await corpus.tenant.post("/search", json={"embedding": embedding, "metric": metric}))["results"]
        assert len(results) == 4
        assert all(math.isfinite(result["similarity"]) and math.isfinite(result["distance"]) for result in results)
        check(results, embedding, corpus.chunks, metric=metric)


async def test_a_tenant_without_chunks_finds_nothing(searching: Service, queries: list[list[float]]) -> None:
    tenant = (await make_corpus(searching, [])).tenant
    assert ok(await tenant.post("/search", json={"embedding": queries[0]})) == {
        "results": [], "mode": "meaning", "lane": "exact",
    }  # fmt: skip
