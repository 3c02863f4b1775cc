"""Hybrid searches, compared with their definition: both scores of every chunk in the union of the two top 100, each
scaled between the lowest and the highest of the union, and summed by weight.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from svc.ingest.tokens import count_tokens
from svc.search.hybrid import keyword_weight_of
from tests.conftest import running_service, test_settings
from tests.routes.answers import ok, statements
from tests.routes.tenants import Tenant, new_tenant, shared_service
from tests.routes.test_explanations import explained, steps
from tests.search.test_lanes import NO_OTHER_PLAN, give_indexes
from tests.search.texts import FREQUENT, RARE, Text, make_texts, use_budget

QUERIES = ["comet", "cow field storm", "planet moon mirror dome", "bread from the oven"]
ANY_TIME = {"uploaded_after": "2000-01-01T00:00:00Z"}
Library = tuple[Tenant, list[Text]]


@pytest_asyncio.fixture(scope="module")
async def exact(server: EmbeddedServer, template: str) -> AsyncIterator[Library]:
    """Two tenants with the same texts, on a service that takes the exact lane."""
    async with shared_service(
        server, template, "shared_hybrid", test_settings(key_cache_s=0), **NO_OTHER_PLAN
    ) as service:
        await make_texts(service, 300, 2)
        library = await make_texts(service, 300, 2)
        await give_indexes(service)
        yield library


@pytest_asyncio.fixture(scope="module", params=["exact", "bits", "index"])
async def library(request: pytest.FixtureRequest, exact: Library) -> AsyncIterator[Library]:
    """The same in each lane."""
    if request.param == "exact":
        yield exact
        return
    # A tenant without an index takes the bits lane.
    tenant, texts = exact if request.param == "index" else await make_texts(exact[0].service, 300, 2)
    settings = test_settings(worker_concurrency=0, exact_max_rows=0, key_cache_s=0)
    async with running_service(settings, tenant.service.url) as service:
        yield Tenant(service, tenant.id, tenant.key), texts


async def search(tenant: Tenant, query: str, **body: Any) -> dict[str, Any]:
    return dict(ok(await tenant.post("/search", json={"query": query, "limit": 100, "duplicates": "keep", **body})))


def fused(
    by_meaning: Sequence[dict[str, Any]], by_keywords: Sequence[dict[str, Any]], similarity: dict[str, float],
    keyword_score: dict[str, float], weight: float,
) -> dict[str, float]:  # fmt: skip
    """The score of each chunk by the definition."""
    ids = sorted({result["chunk_id"] for result in [*by_meaning, *by_keywords]})
    similarities = scaled([similarity[each] for each in ids])
    keyword_scores = scaled([keyword_score.get(each, 0.0) for each in ids])
    return dict(zip(ids, weight * keyword_scores + (1 - weight) * similarities, strict=True))


def default_weight(query: str) -> float:
    return keyword_weight_of("local", count_tokens(query) / len(query))


def test_the_keywords_weigh_more_the_less_the_local_model_knows_the_words() -> None:
    english, german, chinese = (
        "Which documents describe the sorting of a list?",
        "Wie sortiere ich Verzeichniseinträge?",
        "如何排序",
    )
    assert default_weight(english) == 0.6 < default_weight(german) <= default_weight(chinese) == 0.8
    assert keyword_weight_of("openai", count_tokens(chinese) / len(chinese)) == 0.5


def scaled(values: Sequence[float]) -> Any:
    array = np.array(values)
    if array.min() == array.max():
        return np.ones(len(array)) * (array > 0)
    return (array - array.min()) / (array.max() - array.min())


async def every(texts: Sequence[Text], tenant: Tenant, query: str, mode: str) -> dict[str, float]:
    """The similarity or keyword score of every chunk of a tenant, document by document."""
    found = {}
    for document_id in sorted({text.document_id for text in texts}):
        body = {"document_ids": [document_id], "mode": mode, "recall": "exact"}
        for result in (await search(tenant, query, **body))["results"]:
            found[result["chunk_id"]] = result["score"]
    return found


@pytest.mark.parametrize("query", QUERIES)
async def test_a_hybrid_search_is_what_it_is_defined_to_be(library: Library, query: str) -> None:
    await assert_defined(library, query)


async def test_a_hybrid_search_compares_the_texts_that_a_search_by_keywords_compares(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_budget(monkeypatch, 90)
    await assert_defined(library, " ".join([RARE, *FREQUENT]))


async def assert_defined(library: Library, query: str) -> None:
    tenant, texts = library
    similarity = await every(texts, tenant, query, "meaning")
    assert len(similarity) == len(texts) > 150
    keyword_score = await every(texts, tenant, query, "keyword")
    by_meaning = (await search(tenant, query, mode="meaning"))["results"]
    by_keywords = (await search(tenant, query, mode="keyword"))["results"]
    for weight in (None, 0.0, 0.3, 1.0):
        found = await search(tenant, query, **({} if weight is None else {"keyword_weight": weight}))
        assert found["mode"] == "hybrid"
        expected = fused(
            by_meaning, by_keywords, similarity, keyword_score, default_weight(query) if weight is None else weight
        )
        results = found["results"]
        assert len(results) == min(100, len(expected))
        ids = [result["chunk_id"] for result in results]
        assert len(set(ids)) == len(ids)
        np.testing.assert_allclose([result["score"] for result in results], [expected[each] for each in ids], atol=1e-4)
        best = sorted(expected.values(), reverse=True)[: len(ids)]
        np.testing.assert_allclose([result["score"] for result in results], best, atol=1e-4)
        for result in results:
            assert result["similarity"] == pytest.approx(similarity[result["chunk_id"]], abs=1e-5)
            assert result["keyword_score"] == pytest.approx(keyword_score.get(result["chunk_id"], 0), abs=1e-5)


async def test_the_lane_is_that_of_the_meaning(library: Library) -> None:
    tenant, _ = library
    lane = (await search(tenant, "comet", mode="meaning", limit=5))["lane"]
    assert (await search(tenant, "comet", limit=5))["lane"] == lane
    limited = "exact" if lane == "exact" else "bits"
    assert (await search(tenant, "comet", limit=5, **ANY_TIME))["lane"] == limited
    assert (await search(tenant, "comet -planet", limit=5))["lane"] == limited
    assert (await search(tenant, 'comet "planet"', limit=5))["lane"] == limited
    assert (await search(tenant, "comet", limit=5, recall="exact"))["lane"] == "exact"
    assert (await search(tenant, "comet", limit=5, metric="l2"))["lane"] == "exact"


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("body", [{}, {"threshold": 0.2}, {"keyword_weight": 0.2, "limit": 7}])
async def test_a_filter_that_all_documents_pass_changes_nothing(
    library: Library, query: str, body: dict[str, Any]
) -> None:
    tenant, _ = library
    without = await search(tenant, query, **body)
    filtered = await search(tenant, query, **ANY_TIME, **body)
    assert without["results"] == filtered["results"] != []


@pytest.mark.parametrize("body", [{}, {"threshold": -1.0}, {"threshold": -1.0, **ANY_TIME}])
async def test_the_range_of_the_scores_is_computed_once(library: Library, body: dict[str, Any]) -> None:
    tenant, _ = library
    answer = await explained(tenant.service, tenant.id, {"query": "comet planet moon", "limit": 100, **body})
    loops = [step["loops"] for step in steps(answer["explanation"]["plan"]) if "Aggregate" in step["step"]]
    assert loops
    assert max(loops) == 1


async def test_a_threshold_is_the_lowest_similarity(library: Library) -> None:
    tenant, _ = library
    everything = (await search(tenant, "comet planet"))["results"]
    least = sorted(result["similarity"] for result in everything)[len(everything) // 2]
    kept = (await search(tenant, "comet planet", threshold=least))["results"]
    first = [result for result in everything if result["similarity"] >= least]
    assert kept[: len(first)] == first
    assert all(result["similarity"] >= least for result in kept)


async def test_a_vector_of_ones_own_is_used_for_the_meaning(library: Library) -> None:
    tenant, _ = library
    vector = [1.0, *[0.0] * 255]
    by_vector = ok(await tenant.post("/search", json={"embedding": vector, "limit": 100}))
    assert by_vector["mode"] == "meaning"
    similarity = {result["chunk_id"]: result["similarity"] for result in by_vector["results"]}
    both = await search(tenant, "cow", embedding=vector, keyword_weight=0)
    assert both["mode"] == "hybrid"
    assert both["results"][0]["chunk_id"] == by_vector["results"][0]["chunk_id"]
    for result in both["results"]:
        if result["chunk_id"] in similarity:
            assert result["similarity"] == pytest.approx(similarity[result["chunk_id"]])
    words = await search(tenant, "cow", embedding=vector, keyword_weight=1)
    assert "cow" in words["results"][0]["content"].split()


async def test_only_own_chunks_are_found(library: Library) -> None:
    tenant, texts = library
    own = {text.chunk_id for text in texts}
    for query in QUERIES:
        for body in ({}, {"mode": "keyword"}, {"recall": "exact"}, ANY_TIME):
            results = (await search(tenant, query, **body))["results"]
            assert results
            assert {result["chunk_id"] for result in results} <= own


async def test_a_search_runs_one_statement(library: Library) -> None:
    tenant, _ = library
    for body in ({}, {"mode": "keyword"}, {"mode": "meaning"}, {"recall": "exact"}):
        await search(tenant, "comet")
        # Without the cache of keys, the key takes another statement.
        answer = await tenant.post("/search", json={"query": "comet and something else", **body})
        assert statements(answer) == 2, body


async def test_ties_have_a_fixed_order(exact: Library) -> None:
    tenant = await new_tenant(exact[0].service)
    for number in range(5):
        await tenant.ready_document(f"{number}.txt", "The same text.")
    results = (await search(tenant, "the same text"))["results"]
    assert [result["chunk_id"] for result in results] == sorted(result["chunk_id"] for result in results)
    assert {result["score"] for result in results} == {1.0}
    unknown = (await search(tenant, "glacier"))["results"]
    assert [result["keyword_score"] for result in unknown] == [0] * 5
    assert [result["score"] for result in unknown] == pytest.approx([1 - default_weight("glacier")] * 5)


async def test_a_question_in_capitals_finds_what_it_finds_in_small_letters(exact: Library) -> None:
    tenant = exact[0]
    found = [await search(tenant, query, mode="meaning") for query in ("planet and moon", "PLANET AND MOON")]
    assert found[0] == found[1]
