"""A text that is embedded again causes no call of a real HTTP endpoint."""

from __future__ import annotations

import asyncio
import logging
import re
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import asyncpg
import numpy as np
import pytest

from svc.embedding.cache import ENTRY_BYTES, CachingProvider
from svc.embedding.choice import create_provider
from svc.embedding.openai import OpenAIProvider
from svc.errors import ConnectionHeldError, EmbeddingRefusedError, EmbeddingUnavailableError
from svc.settings import load_settings
from tests.conftest import PATIENCE_S, Service, connection_held, running_service, test_settings
from tests.embedding_endpoint import EmbeddingEndpoint

DIMENSIONS = 256
ENTRY = DIMENSIONS * 4 + ENTRY_BYTES
OUTCOMES = ("hit", "miss")
QUERY = "Where are memories kept?"


@pytest.fixture
def endpoint() -> Iterator[EmbeddingEndpoint]:
    """A fresh embedding endpoint."""
    with EmbeddingEndpoint(DIMENSIONS) as endpoint:
        yield endpoint


@asynccontextmanager
async def caching(
    endpoint: EmbeddingEndpoint, *, entries: int = 1000, **changes: object
) -> AsyncIterator[CachingProvider]:
    """A provider with a cache for this number of vectors."""
    values = {"embedding_dimensions": DIMENSIONS, "embedding_max_retries": 0, **changes}
    settings = load_settings(openai_base_url=endpoint.base_url, **values)
    provider = CachingProvider(OpenAIProvider(settings, backoff_s=0.02), entries * ENTRY)
    try:
        yield provider
    finally:
        await provider.close()


async def until(holds: Callable[[], object]) -> None:
    """Wait until a condition is met, up to the limit of a test."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def texts_sent(endpoint: EmbeddingEndpoint) -> list[int]:
    """The number of texts in each call, oldest first."""
    return [call.texts for call in endpoint.calls]


# The cached vectors


async def test_a_repeated_query_is_one_call_and_the_same_vector(endpoint: EmbeddingEndpoint) -> None:
    async with caching(endpoint) as provider:
        first = await provider.embed([QUERY])
        again = await provider.embed([QUERY])
    assert texts_sent(endpoint) == [1]
    assert first.dtype == again.dtype == np.float32
    assert np.array_equal(first, again)
    np.testing.assert_allclose(first, endpoint.vectors([QUERY]), atol=1e-6)


async def test_only_new_texts_are_sent_each_once(endpoint: EmbeddingEndpoint) -> None:
    texts = ["one", "two", "one", "three", QUERY, "two"]
    async with caching(endpoint) as provider:
        await provider.embed([QUERY])
        await provider.embed(["three", "four"])
        vectors = await provider.embed(texts)
        assert texts_sent(endpoint) == [1, 2, 2]
        np.testing.assert_allclose(vectors, endpoint.vectors(texts), atol=1e-6)
        assert np.array_equal(vectors, await provider.embed(texts))
        await provider.embed(["four"])
    assert len(endpoint.calls) == 3


async def test_no_texts_are_no_call(endpoint: EmbeddingEndpoint) -> None:
    async with caching(endpoint) as provider:
        assert (await provider.embed([])).shape == (0, DIMENSIONS)
    assert endpoint.calls == []


async def test_a_caller_may_change_what_it_got(endpoint: EmbeddingEndpoint) -> None:
    async with caching(endpoint) as provider:
        for texts in ([QUERY], [QUERY], ["one", "two"], ["one", "two"]):
            vectors = await provider.embed(texts)
            np.testing.assert_allclose(vectors, endpoint.vectors(texts), atol=1e-6)
            vectors[:] = 0


# Failures


@pytest.mark.parametrize("texts", [[QUERY], ["one", "two"]])
async def test_a_failure_is_not_remembered(endpoint: EmbeddingEndpoint, texts: list[str]) -> None:
    endpoint.next("400")
    endpoint.next("503")
    async with caching(endpoint) as provider:
        with pytest.raises(EmbeddingRefusedError):
            await provider.embed(texts)
        with pytest.raises(EmbeddingUnavailableError):
            await provider.embed(texts)
        np.testing.assert_allclose(await provider.embed(texts), endpoint.vectors(texts), atol=1e-6)
    assert len(endpoint.calls) == 3


async def test_all_waiting_callers_get_the_failure_and_the_next_one_calls_again(endpoint: EmbeddingEndpoint) -> None:
    endpoint.delay_s = 0.1
    endpoint.next("503")
    async with caching(endpoint) as provider:

        async def again_after_failure() -> None:
            with pytest.raises(EmbeddingUnavailableError):
                await provider.embed([QUERY])
            await provider.embed([QUERY])

        await asyncio.gather(*(again_after_failure() for _ in range(5)))
    assert len(endpoint.calls) == 2


async def test_a_text_that_no_model_takes_is_refused_by_its_place(endpoint: EmbeddingEndpoint) -> None:
    async with caching(endpoint) as provider:
        await provider.embed(["one"])
        with pytest.raises(EmbeddingRefusedError, match="text 1 is empty"):
            await provider.embed(["one", ""])
        with pytest.raises(EmbeddingRefusedError, match="text 0 contains a lone surrogate"):
            await provider.embed(["\udfff"])
    assert len(endpoint.calls) == 1


async def test_a_held_connection_is_refused_even_where_no_call_would_follow(endpoint: EmbeddingEndpoint) -> None:
    async with caching(endpoint) as provider:
        await provider.embed(["one"])
        for texts in (["one"], ["one", "one"], ["new"]):
            with connection_held(), pytest.raises(ConnectionHeldError):
                await provider.embed(texts)
    assert len(endpoint.calls) == 1


# At the same time


async def test_the_same_query_many_times_at_once_is_one_call(endpoint: EmbeddingEndpoint) -> None:
    endpoint.delay_s = 0.1
    async with caching(endpoint) as provider:
        answers = await asyncio.gather(*(provider.embed([QUERY]) for _ in range(20)), provider.embed(["another"]))
    assert texts_sent(endpoint) == [1, 1]
    for vectors in answers[:-1]:
        np.testing.assert_allclose(vectors, endpoint.vectors([QUERY]), atol=1e-6)


async def test_a_cancelled_caller_does_not_cancel_the_call_of_others(endpoint: EmbeddingEndpoint) -> None:
    endpoint.delay_s = 0.3
    async with caching(endpoint) as provider:
        first, second, third = (asyncio.create_task(provider.embed([QUERY])) for _ in range(3))
        await until(lambda: endpoint.calls)
        first.cancel()
        third.cancel()
        np.testing.assert_allclose(await second, endpoint.vectors([QUERY]), atol=1e-6)
        assert first.cancelled()
        assert third.cancelled()
    assert len(endpoint.calls) == 1


async def test_a_call_without_waiting_callers_is_cancelled(endpoint: EmbeddingEndpoint) -> None:
    endpoint.next("hang")
    async with caching(endpoint, embedding_concurrency=1) as provider:
        waiting = [asyncio.create_task(provider.embed([QUERY])) for _ in range(2)]
        await until(lambda: endpoint.calls)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        # The only slot is free again, and nobody waits for the abandoned call.
        async with asyncio.timeout(PATIENCE_S):
            np.testing.assert_allclose(await provider.embed([QUERY]), endpoint.vectors([QUERY]), atol=1e-6)
    assert [call.behaviour for call in endpoint.calls] == ["hang", "well"]


# How much is remembered


async def test_the_least_recently_used_vectors_are_evicted_first(endpoint: EmbeddingEndpoint) -> None:
    async with caching(endpoint, entries=3) as provider:
        for text in ("one", "two", "three", "one", "four"):
            await provider.embed([text])
        assert len(endpoint.calls) == 4
        for text in ("one", "three", "four"):
            await provider.embed([text])
        assert len(endpoint.calls) == 4, "these three were used last"
        await provider.embed(["two"])
    assert len(endpoint.calls) == 5


async def test_memory_stays_within_the_bytes_given(endpoint: EmbeddingEndpoint) -> None:
    entries = 600
    texts = [f"text {number}" for number in range(3 * entries)]
    async with caching(endpoint, entries=entries, embedding_batch_size=2048) as provider:
        tracemalloc.start()
        try:
            for first in range(0, len(texts), 1000):
                await provider.embed(texts[first : first + 1000])
            # The endpoint also runs in this process.
            of_cache = tracemalloc.Filter(inclusive=True, filename_pattern="*/svc/embedding/cache.py")
            kept = sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([of_cache]).traces)
        finally:
            tracemalloc.stop()
        calls = len(endpoint.calls)
        await provider.embed(texts[-entries // 2 :])
        assert len(endpoint.calls) == calls, "half of the capacity is used"
        await provider.embed(texts[:10])
        assert len(endpoint.calls) == calls + 1, "the oldest are not"
    assert entries * DIMENSIONS * 4 < kept < entries * ENTRY


async def test_a_large_document_does_not_push_out_what_is_searched(endpoint: EmbeddingEndpoint) -> None:
    searches = [f"question {number}" for number in range(10)]
    async with caching(endpoint, entries=20) as provider:
        for text in searches:
            await provider.embed([text])
        await provider.embed([f"chunk {number}" for number in range(100)])
        calls = len(endpoint.calls)
        for text in searches:
            await provider.embed([text])
        assert len(endpoint.calls) == calls


# In the service


async def test_searches_repeat_without_a_call_and_find_the_same(endpoint: EmbeddingEndpoint, database_url: str) -> None:
    await use_model_of_test(database_url)
    found = []
    text = " ".join(f"Drawer {number} of the cabinet keeps what brain {number} forgets." for number in range(60))
    for megabytes in (1, 0):
        settings = test_settings(
            openai_base_url=endpoint.base_url, embedding_model="test-model", embedding_dimensions=DIMENSIONS,
            embedding_cache_mb=megabytes,
        )  # fmt: skip
        async with running_service(settings, database_url) as service:
            _, key = await service.user(f"cache-{megabytes}@example.com")
            await service.ready_document(key, "a.txt", text)
            endpoint.calls.clear()
            before = await cache_counts(service)
            for _ in range(3):
                answer = await service.call("POST", "/search", key, json={"query": QUERY})
                found.append([(row["content"], row["similarity"]) for row in answer.json()["results"]])
            after = await cache_counts(service)
        assert len(endpoint.calls) == (1 if megabytes else 3)
        counted = [later - earlier for earlier, later in zip(before, after, strict=True)]
        assert counted == ([2, 1] if megabytes else [0, 0])
    assert found[0]
    assert found == [found[0]] * 6


async def cache_counts(service: Service) -> list[float]:
    """Hits and misses in the metrics."""
    page = (await service.call("GET", "/metrics")).text
    counts = [re.search(rf'^cabinet_embedding_cache_total{{outcome="{one}"}} (.+)$', page, re.M) for one in OUTCOMES]
    return [float(count[1]) if count else 0.0 for count in counts]


async def use_model_of_test(database_url: str) -> None:
    """Record the endpoint's model instead of the local one; both have the same number of dimensions."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("update embedding_model set model = 'test-model'")
    await connection.close()


@pytest.mark.parametrize(
    ("megabytes", "said"),
    [(0, "the cache is off, because CABINET_EMBEDDING_CACHE_MB is 0"), (64, "up to 52428 vectors")],
)
async def test_the_log_says_how_many_vectors_are_remembered(
    megabytes: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "svc.embedding"):
        provider = create_provider(load_settings(embedding_cache_mb=megabytes))
    await provider.close()
    assert isinstance(provider, CachingProvider) == bool(megabytes)
    assert said in caplog.text
