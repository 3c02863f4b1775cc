"""The choice of the lane of a search, and the recall of the approximate lane."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
import pytest_asyncio

from svc.database import queries, session_settings
from svc.embedded.server import EmbeddedServer
from svc.search import lanes
from svc.search.filters import Filters
from svc.search.index_plan import planned_steps
from svc.search.lanes import Metric, Search, TenantSize, choose_lane
from svc.search.own_indexes import IndexBuilder
from svc.vectors.signatures import signatures
from tests.conftest import Service, test_settings
from tests.routes.answers import ok, statements
from tests.routes.tenants import shared_service
from tests.search.corpus import Corpus, StoredChunk, check, distances, make_corpus, random_vectors

NONE = Filters()
NO_OTHER_PLAN = {"enable_sort": "off", "enable_seqscan": "off", "enable_bitmapscan": "off"}


@pytest.mark.parametrize(
    ("metric", "filters", "size", "lane"),
    [
        ("cosine", NONE, TenantSize(0, False), "exact"),
        ("cosine", NONE, TenantSize(100, True), "exact"),
        ("cosine", NONE, TenantSize(101, False), "bits"),
        ("cosine", NONE, TenantSize(101, True), "index"),
        ("l2", NONE, TenantSize(101, True), "exact"),
        ("inner_product", NONE, TenantSize(101, True), "exact"),
        ("cosine", Filters(document_ids=[]), TenantSize(101, True), "index"),
        ("cosine", Filters(file_types=["pdf"]), TenantSize(101, True), "index"),
        ("cosine", Filters(file_types=["pdf"]), TenantSize(101, False), "bits"),
        ("cosine", Filters(file_types=["pdf"]), TenantSize(100, True), "exact"),
    ],
)
def test_the_lane_is_chosen_by_size_metric_and_filters(
    metric: Metric, filters: Filters, size: TenantSize, lane: str
) -> None:
    search = Search(uuid4(), random_vectors(1, 0)[0], 5, metric, None, filters)
    assert choose_lane(search, size, 100) == lane
    assert choose_lane(replace(search, is_exact=True), size, 100) == "exact"


@pytest_asyncio.fixture(scope="module")
async def approximate(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service on which every tenant counts as large, and on which only plans with the index are used.

    With a few hundred rows, the planner would sort them all, which is exact and would not test the index.
    """
    # Without a cache of keys, the size of the tenant, which is read with the key, is current.
    settings = test_settings(worker_concurrency=0, exact_max_rows=0, key_cache_s=0)
    async with shared_service(server, template, "shared_lanes", settings, **NO_OTHER_PLAN) as service:
        yield service


@pytest_asyncio.fixture(scope="module")
async def large(approximate: Service) -> Corpus:
    """The searching tenant, and another one whose vectors are the queries themselves."""
    await make_corpus(approximate, [random_vectors(40, 2000)])
    corpus = await make_corpus(approximate, [random_vectors(100, seed) for seed in range(3)])
    await make_corpus(approximate, [random_vectors(40, 2000)])
    await give_indexes(approximate)
    return corpus


async def give_indexes(service: Service) -> None:
    """Create an own index for every tenant."""
    database = service.services.database
    builder = await IndexBuilder.open(service.url, database.statements)
    for step in await planned_steps(database, 1):
        await builder.apply(step)
    await builder.close()


QUERIES = [[float(component) for component in vector] for vector in random_vectors(10, 2000)]


async def plan_of(service: Service, name: str, *arguments: Any) -> str:
    statement = service.services.database.statements[name]
    async with service.services.database.pool.connection() as connection:
        return "\n".join(row[0] for row in await connection.fetch(f"explain {statement.text}", *arguments))


@pytest.mark.parametrize("limit", [1, 5, 50])
async def test_the_index_finds_the_same_as_the_exact_lane(large: Corpus, limit: int) -> None:
    hits = 0
    for query in QUERIES:
        found = ok(await large.tenant.post("/search", json={"embedding": query, "limit": limit}))
        assert found["lane"] == "index"
        hits += nearly(found["results"], query, large.chunks, limit)
    assert hits >= 0.98 * limit * len(QUERIES)
    vector = np.array([QUERIES[0]], dtype=np.float32)
    arguments = (UUID(large.tenant.id), vector[0], signatures(vector)[0], 80, limit)
    plan = await plan_of(large.tenant.service, "search/index", *arguments)
    assert f"chunk_vectors_hnsw_{UUID(large.tenant.id).hex}" in plan, (
        "otherwise the assertions above have tested another plan"
    )


async def test_the_threshold_applies_on_this_lane(large: Corpus) -> None:
    body = {"embedding": QUERIES[0], "limit": 10}
    everything = ok(await large.tenant.post("/search", json=body))["results"]
    kept = ok(await large.tenant.post("/search", json={**body, "threshold": everything[4]["similarity"]}))
    assert kept == {"results": everything[:5], "mode": "meaning", "lane": "index"}


async def test_ties_have_a_fixed_order_on_this_lane(approximate: Service) -> None:
    corpus = await make_corpus(approximate, [np.tile(random_vectors(1, 3000), (20, 1))])
    await give_indexes(approximate)
    found = ok(await corpus.tenant.post("/search", json={"embedding": QUERIES[0], "limit": 20}))
    assert found["lane"] == "index"
    assert [result["chunk_id"] for result in found["results"]] == sorted(chunk.id for chunk in corpus.chunks)


@pytest.mark.parametrize(
    ("body", "lane"),
    [
        ({"metric": "l2"}, "exact"),
        ({"metric": "inner_product"}, "exact"),
        ({"recall": "exact"}, "exact"),
    ],
    ids=str,
)
async def test_a_search_that_the_index_does_not_support_takes_another_lane(
    large: Corpus, body: dict[str, Any], lane: str
) -> None:
    found = ok(await large.tenant.post("/search", json={"embedding": QUERIES[0], **body}))
    assert found["lane"] == lane
    check(found["results"], QUERIES[0], large.chunks, metric=body.get("metric", "cosine"))


def nearly(results: list[dict[str, Any]], query: list[float], chunks: list[StoredChunk], limit: int) -> int:
    """Check the correctness and the number of an approximate lane's results; return the number of the nearest found."""
    ids = {result["chunk_id"] for result in results}
    assert len(ids) == min(limit, len(chunks))
    check(results, query, [chunk for chunk in chunks if chunk.id in ids], limit=limit)
    nearest = np.argsort(distances(query, chunks, "cosine"), kind="stable")[:limit]
    return len(ids & {chunks[index].id for index in nearest})


FILTERS: dict[str, tuple[dict[str, Any], Callable[[StoredChunk], bool]]] = {
    "types": ({"file_types": ["text", "html"]}, lambda chunk: chunk.metadata["number"] != 1),
    "metadata": ({"metadata": {"topic": "sky"}}, lambda chunk: chunk.metadata["number"] == 1),
    "moment": ({"uploaded_after": "2025-01-02T00:00:00Z"}, lambda chunk: chunk.metadata["number"] > 0),
    "all of them": ({"metadata": {"nested": {"tags": ["all"]}}}, lambda _: True),
    "an empty object": ({"metadata": {"nested": {}}}, lambda _: True),
}


@pytest.mark.parametrize("name", FILTERS)
async def test_unselective_filters_use_the_index(large: Corpus, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(lanes, "_FILTERED_MIN_ROWS", 100)
    body, keep = FILTERS[name]
    hits = 0
    for query in QUERIES:
        found = ok(await large.tenant.post("/search", json={"embedding": query, "limit": 20, **body}))
        assert found["lane"] == "index"
        hits += nearly(found["results"], query, large.of(keep), 20)
    assert hits >= 0.98 * 20 * len(QUERIES)


@pytest.mark.parametrize("name", FILTERS)
async def test_selective_filters_use_the_signatures(large: Corpus, name: str) -> None:
    body, keep = FILTERS[name]
    for query in QUERIES:
        found = ok(await large.tenant.post("/search", json={"embedding": query, "limit": 20, **body}))
        assert found["lane"] == "bits"
        check(found["results"], query, large.of(keep), limit=20)


async def test_the_threshold_applies_with_filters(large: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_FILTERED_MIN_ROWS", 100)
    body = {"embedding": QUERIES[0], "limit": 10, "file_types": ["text"]}
    everything = ok(await large.tenant.post("/search", json=body))["results"]
    kept = ok(await large.tenant.post("/search", json={**body, "threshold": everything[4]["similarity"]}))
    assert kept == {"results": everything[:5], "mode": "meaning", "lane": "index"}


@pytest_asyncio.fixture(scope="module")
async def impatient(server: EmbeddedServer, template: str) -> AsyncIterator[Corpus]:
    """A tenant whose index returns at most ten rows."""
    usual = session_settings.session_settings
    no_patience = {"hnsw.ef_search": "10", "hnsw.iterative_scan": "off"}
    settings = test_settings(worker_concurrency=0, exact_max_rows=0, key_cache_s=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queries, "session_settings", lambda settings: {**usual(settings), **no_patience})
        async with shared_service(server, template, "impatient_lanes", settings, **NO_OTHER_PLAN) as service:
            corpus = await make_corpus(service, [random_vectors(100, seed) for seed in range(3)])
            await give_indexes(service)
            yield corpus


async def test_too_few_filtered_results_of_the_index_are_completed(
    impatient: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the scan ends before it has found enough rows that match the filter, the same statement finds the rest."""
    monkeypatch.setattr(lanes, "_FILTERED_MIN_ROWS", 10)
    body = {"embedding": QUERIES[1], "limit": 20, "file_types": ["html"]}
    answer = await impatient.tenant.post("/search", json=body)
    assert statements(answer) <= 2, "the key and the search"
    assert ok(answer)["lane"] == "bits"
    left = impatient.of(lambda chunk: chunk.file_type == "html")
    check(ok(answer)["results"], QUERIES[1], left, limit=20)


async def test_too_few_results_of_the_index_are_completed(impatient: Corpus, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "svc.search.lanes")
    found = ok(await impatient.tenant.post("/search", json={"embedding": QUERIES[0], "limit": 20}))
    assert found["lane"] == "bits"
    check(found["results"], QUERIES[0], impatient.chunks, limit=20)
    (record,) = [record for record in caplog.records if record.name == "svc.search.lanes"]
    assert "10 of 20" in record.getMessage()


async def test_a_tenant_with_fewer_vectors_than_the_limit_causes_no_warning(
    approximate: Service, caplog: pytest.LogCaptureFixture
) -> None:
    small = await make_corpus(approximate, [random_vectors(7, 4000)])
    await give_indexes(approximate)
    caplog.set_level(logging.WARNING, "svc.search.lanes")
    found = ok(await small.tenant.post("/search", json={"embedding": QUERIES[0], "limit": 10}))
    check(found["results"], QUERIES[0], small.chunks, limit=10)
    assert ok(await small.tenant.post("/search", json={"embedding": QUERIES[0], "limit": 7}))["lane"] == "index"
    assert not [record for record in caplog.records if record.name == "svc.search.lanes"]
