"""The OpenAI provider with a real HTTP server that misbehaves like real endpoints."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from email.utils import formatdate

import numpy as np
import pytest
from numpy.typing import NDArray

from svc.embedding.choice import create_provider
from svc.embedding.failures import AttemptFailedError
from svc.embedding.openai import MAX_BATCH_BYTES, OpenAIProvider
from svc.embedding.openai_replies import ReplyReader
from svc.errors import (
    ConnectionHeldError,
    EmbeddingRefusedError,
    EmbeddingUnavailableError,
    StartupError,
)
from svc.settings import load_settings
from tests.conftest import PATIENCE_S, connection_held
from tests.embedding_endpoint import EmbeddingEndpoint

DIMENSIONS = 32
KEY = "sk-test-0123456789abcdef"
TEXTS = [f"chunk {number} is about topic {number % 7}" for number in range(25)]

# The errors of an endpoint, and the result for the caller if they persist.
GARBLED = ["garbage", "html", "shape", "wrong_count", "wrong_index", "words"]
UNUSABLE = ["nan", "infinity", "huge", "zero", "tiny", "wrong_dimension", "empty", "long"]
FAILING = ["408", "429", "500", "502", "503", "529", "disconnect", "hang", "drip"]


@pytest.fixture(scope="module")
def shared_endpoint() -> Iterator[EmbeddingEndpoint]:
    with EmbeddingEndpoint(DIMENSIONS) as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(shared_endpoint: EmbeddingEndpoint) -> EmbeddingEndpoint:
    shared_endpoint.well()
    shared_endpoint.calls.clear()
    shared_endpoint.most_at_once = 0
    shared_endpoint.delay_s = 0.0
    shared_endpoint.knows_base64 = shared_endpoint.takes_dimensions = True
    return shared_endpoint


@asynccontextmanager
async def provider_for(endpoint: EmbeddingEndpoint, **changes: object) -> AsyncIterator[OpenAIProvider]:
    settings: dict[str, object] = {
        "openai_base_url": endpoint.base_url, "openai_api_key": KEY, "embedding_dimensions": DIMENSIONS,
        "embedding_max_retries": 2, "embedding_timeout_s": 10,
    }  # fmt: skip
    provider = OpenAIProvider(load_settings(**{**settings, **changes}), backoff_s=0.02)
    try:
        yield provider
    finally:
        await provider.close()


def patience_s(fault: str) -> float:
    """Seconds to wait for one call; the number is small only if the fault is slowness."""
    return 0.2 if fault in {"hang", "drip"} else 10


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def assert_same(vectors: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, atol=1e-6)


# Answers


async def test_vectors_come_back_in_the_order_of_the_texts(endpoint: EmbeddingEndpoint) -> None:
    endpoint.next("wrong_order", times=2)
    async with provider_for(endpoint, embedding_batch_size=4) as provider:
        vectors = await provider.embed(TEXTS)
    assert_same(vectors, endpoint.vectors(TEXTS))
    assert sorted(call.texts for call in endpoint.calls) == [1, 4, 4, 4, 4, 4, 4]
    assert all(call.encoding_format == "base64" for call in endpoint.calls)


async def test_an_endpoint_that_answers_with_numbers_will_do(endpoint: EmbeddingEndpoint) -> None:
    endpoint.knows_base64 = False
    async with provider_for(endpoint) as provider:
        assert_same(await provider.embed(TEXTS), endpoint.vectors(TEXTS))


async def test_no_texts_take_no_call(endpoint: EmbeddingEndpoint) -> None:
    async with provider_for(endpoint) as provider:
        assert (await provider.embed([])).shape == (0, DIMENSIONS)
    assert endpoint.calls == []


# Faults that pass


@pytest.mark.parametrize("fault", FAILING + GARBLED + UNUSABLE)
async def test_a_temporary_failure_is_hidden_from_the_caller(endpoint: EmbeddingEndpoint, fault: str) -> None:
    endpoint.next(fault)
    async with provider_for(endpoint, embedding_timeout_s=patience_s(fault)) as provider:
        assert_same(await provider.embed(TEXTS), endpoint.vectors(TEXTS))
    assert [call.behaviour for call in endpoint.calls] == [fault, "well"]


async def test_an_index_out_of_range_is_a_temporary_failure(endpoint: EmbeddingEndpoint) -> None:
    endpoint.next("wrong_index")  # With one text, the index is 1.
    async with provider_for(endpoint) as provider:
        assert_same(await provider.embed(["a text"]), endpoint.vectors(["a text"]))
    assert len(endpoint.calls) == 2


@pytest.mark.parametrize("fault", FAILING + GARBLED)
async def test_a_lasting_failure_is_left_to_the_queue(endpoint: EmbeddingEndpoint, fault: str) -> None:
    endpoint.always(fault)
    async with provider_for(endpoint, embedding_timeout_s=patience_s(fault)) as provider:
        with pytest.raises(EmbeddingUnavailableError, match=r"\(3 calls failed\)") as failure:
            await provider.embed(TEXTS)
        assert failure.value.retry_after_s == 1.0
        endpoint.well()
        assert_same(await provider.embed(TEXTS), endpoint.vectors(TEXTS))


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("nan", "text 6 .*component 0 is NaN"),
        ("infinity", "text 6 .*component 1 is infinite"),
        ("huge", "text 6 .*component 2 is 70000, outside ±65504"),
        ("zero", "text 6 .*it is zero"),
        ("tiny", "text 6 .*becomes zero in half precision"),
        ("wrong_dimension", "64 dimensions for text 4"),
        ("empty", "0 dimensions for text 4"),
        ("long", "16000 dimensions for text 4"),
    ],
)
async def test_vectors_that_stay_unusable_are_refused_with_the_text(
    endpoint: EmbeddingEndpoint, fault: str, why: str
) -> None:
    endpoint.next("well")  # The first of two batches.
    endpoint.always(fault)
    async with provider_for(endpoint, embedding_batch_size=4, embedding_concurrency=1) as provider:
        with pytest.raises(EmbeddingRefusedError, match=why):
            await provider.embed(TEXTS[:8])
    assert len(endpoint.calls) == 4


@pytest.mark.parametrize(
    ("fault", "why"),
    [("huge", "70000, outside"), ("tiny", "becomes zero"), ("zero", "it is zero"), ("long", "16000 dimensions")],
)
async def test_numbers_instead_of_base64_are_also_checked(endpoint: EmbeddingEndpoint, fault: str, why: str) -> None:
    endpoint.knows_base64 = False
    endpoint.always(fault)
    async with provider_for(endpoint, embedding_max_retries=0) as provider:
        with pytest.raises(EmbeddingRefusedError, match=why):
            await provider.embed(TEXTS[:8])


def test_a_number_beyond_single_precision_is_refused_as_infinite() -> None:
    body = b'{"data": [{"index": 0, "embedding": [0.5, 1e300]}]}'
    with pytest.raises(AttemptFailedError, match=r"text 0 .*component 1 is infinite") as failure:
        ReplyReader(model="m", dimensions=2, key=None).vectors(body, 1, 0)
    assert failure.value.is_unusable


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"1e999", b"null", b'"0.5"', b"[0.5]"])
def test_an_answer_with_invalid_numbers_is_refused(literal: bytes) -> None:
    body = b'{"data": [{"index": 0, "embedding": [0.5, ' + literal + b"]}]}"
    with pytest.raises(AttemptFailedError, match="cannot be read"):
        ReplyReader(model="m", dimensions=2, key=None).vectors(body, 1, 0)


async def test_a_wrong_dimension_names_both_numbers_and_the_settings(endpoint: EmbeddingEndpoint) -> None:
    async with provider_for(endpoint, embedding_dimensions=48, embedding_max_retries=0) as provider:
        with pytest.raises(EmbeddingRefusedError) as refusal:
            await provider.embed(["a text"])
    for part in ("32 dimensions", "48", "CABINET_EMBEDDING_MODEL", "CABINET_EMBEDDING_DIMENSIONS"):
        assert part in refusal.value.detail


async def test_an_endpoint_that_does_not_exist_is_unavailable() -> None:
    with EmbeddingEndpoint(DIMENSIONS) as endpoint:
        pass
    async with provider_for(endpoint) as provider:
        with pytest.raises(EmbeddingUnavailableError, match=r"connection .* failed.*3 calls failed"):
            await provider.embed(["a text"])


async def test_the_pauses_between_calls_grow(endpoint: EmbeddingEndpoint) -> None:
    endpoint.always("500")
    async with provider_for(endpoint, embedding_max_retries=5) as provider:
        with pytest.raises(EmbeddingUnavailableError):
            await provider.embed(["a text"])
    starts = [call.started_s for call in endpoint.calls]
    pauses = np.diff(starts)
    assert len(pauses) == 5
    assert pauses[0] >= 0.01
    assert pauses[4] >= 0.16  # At least half of 0.02 s doubled four times.


# Retry-After


async def test_retry_after_is_waited_for_by_every_call(endpoint: EmbeddingEndpoint) -> None:
    endpoint.next("429", retry_after=1)
    async with provider_for(endpoint) as provider:
        first = asyncio.create_task(provider.embed(["one"]))
        await until(lambda: any(call.ended_s for call in endpoint.calls))
        await asyncio.sleep(0.05)  # The refusal is being sent to the client.
        others = await asyncio.gather(first, provider.embed(["two"]), provider.embed(["three"]))
    assert_same(np.vstack(others), endpoint.vectors(["one", "two", "three"]))
    refused, *later = (call.started_s for call in endpoint.calls)
    assert len(later) == 3
    assert all(started - refused >= 1.0 for started in later)


@pytest.mark.parametrize("status", ["429", "503"])
async def test_a_long_retry_after_is_left_to_the_queue_at_once(endpoint: EmbeddingEndpoint, status: str) -> None:
    endpoint.next(status, retry_after=600)
    began = time.monotonic()
    async with provider_for(endpoint) as provider:
        with pytest.raises(EmbeddingUnavailableError) as failure:
            await provider.embed(TEXTS)
        assert failure.value.retry_after_s == 600.0
        assert time.monotonic() - began < PATIENCE_S
        assert len(endpoint.calls) == 1
        assert_same(await provider.embed(TEXTS), endpoint.vectors(TEXTS))  # It does not delay other callers.


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        # Fixed names, since all test processes must collect the same tests.
        pytest.param(formatdate(time.time() + 3600, usegmt=True), 0, 3600, id="in an hour"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400, 86_400),
        ("1e999", 86_400, 86_400),
        (formatdate(0, usegmt=True), 1, 1),
        ("-5", 1, 1),
        ("soon", 1, 1),
        ("nan", 1, 1),
    ],
)
async def test_any_retry_after_is_read_as_a_bounded_number_of_seconds(
    endpoint: EmbeddingEndpoint, retry_after: str, least: float, most: float
) -> None:
    endpoint.always("429", retry_after=retry_after)
    async with provider_for(endpoint) as provider:
        with pytest.raises(EmbeddingUnavailableError) as failure:
            await provider.embed(["a text"])
    assert failure.value.retry_after_s is not None
    assert least <= failure.value.retry_after_s <= most


@pytest.mark.parametrize("behaviour", ["500", "429", "disconnect"])
async def test_an_outage_grows_until_the_endpoint_answers_anybody(endpoint: EmbeddingEndpoint, behaviour: str) -> None:
    outages = []
    async with provider_for(endpoint, embedding_max_retries=0) as provider:
        for _ in range(2):
            recovered = time.monotonic()
            endpoint.always(behaviour)
            for _ in range(2):
                with pytest.raises(EmbeddingUnavailableError) as failure:
                    await provider.embed(["a text"])
                outages.append(failure.value.outage_s)
                assert outages[-1] < time.monotonic() - recovered
                await asyncio.sleep(0.2)
            endpoint.well()
            await provider.embed(["a text"])
    first, second, third, fourth = outages
    assert 0 < first < second
    assert 0 < third < fourth


async def test_a_failure_while_others_are_answered_is_no_outage(endpoint: EmbeddingEndpoint) -> None:
    endpoint.next("500")
    async with provider_for(endpoint, embedding_max_retries=1) as provider:
        provider._backoff_s = 1.0
        failing = asyncio.create_task(provider.embed(["poison"]))
        await until(lambda: len(endpoint.calls) == 1)
        await provider.embed(["another text"])
        endpoint.next("500")
        with pytest.raises(EmbeddingUnavailableError) as failure:
            await failing
    assert failure.value.outage_s == 0


# Refusals


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "413", "422"])
async def test_a_refusal_is_final(endpoint: EmbeddingEndpoint, status: str) -> None:
    endpoint.always(status, message=f"No such thing for {KEY}, " + "really " * 100)
    async with provider_for(endpoint) as provider:
        with pytest.raises(EmbeddingRefusedError) as refusal:
            await provider.embed(TEXTS)
    assert f"answered {status} (" in refusal.value.detail
    assert "really" not in refusal.value.detail
    assert KEY not in refusal.value.detail
    assert len(refusal.value.detail) < 500
    assert len(endpoint.calls) == 1


async def test_one_refused_batch_stops_the_others(endpoint: EmbeddingEndpoint) -> None:
    endpoint.delay_s = 0.1
    endpoint.next("well", times=2)
    endpoint.next("400")
    async with provider_for(endpoint, embedding_batch_size=1, embedding_concurrency=2) as provider:
        with pytest.raises(EmbeddingRefusedError):
            await provider.embed(TEXTS)
        calls = len(endpoint.calls)
        await asyncio.sleep(0.3)
    assert calls == len(endpoint.calls) <= 5


async def test_texts_that_no_model_takes_are_refused_without_a_call(endpoint: EmbeddingEndpoint) -> None:
    async with provider_for(endpoint) as provider:
        with pytest.raises(EmbeddingRefusedError, match="text 1 is empty"):
            await provider.embed(["a text", ""])
        with pytest.raises(EmbeddingRefusedError, match="text 0 contains a lone surrogate"):
            await provider.embed(["\udfff"])
    assert endpoint.calls == []


async def test_no_call_is_made_while_a_connection_is_held(endpoint: EmbeddingEndpoint) -> None:
    async with provider_for(endpoint) as provider:
        with connection_held(), pytest.raises(ConnectionHeldError):
            await provider.embed(["a text"])
    assert endpoint.calls == []


# The requests


async def test_batches_stay_within_the_tokens_that_the_api_takes(endpoint: EmbeddingEndpoint) -> None:
    sizes = [100_000, 150_000, 60_000, 400_000, 1, 1]
    texts = [str(number) * size for number, size in enumerate(sizes)]
    async with provider_for(endpoint, embedding_concurrency=1) as provider:
        assert_same(await provider.embed(texts), endpoint.vectors(texts))
    assert [call.input_bytes for call in endpoint.calls] == [250_000, 60_000, 400_000, 2]
    assert MAX_BATCH_BYTES == 300_000


@pytest.mark.parametrize(
    ("model", "dimensions", "sent"),
    [
        ("text-embedding-3-small", None, 1536),
        ("text-embedding-3-large", 32, 32),
        ("nomic-embed-text", None, None),
        ("nomic-embed-text", 32, 32),
    ],
)
async def test_dimensions_are_sent_where_they_are_known_or_asked_for(
    endpoint: EmbeddingEndpoint, model: str, dimensions: int | None, sent: int | None
) -> None:
    changes = {"embedding_model": model, "embedding_dimensions": dimensions, "embedding_max_retries": 0}
    async with provider_for(endpoint, **changes) as provider:
        if dimensions is None:
            with pytest.raises(EmbeddingRefusedError, match="1536"):  # The endpoint's vectors are shorter.
                await provider.embed(["a text"])
        else:
            await provider.embed(["a text"])
    assert [call.dimensions for call in endpoint.calls] == [sent]
    assert endpoint.calls[0].model == model


async def test_an_endpoint_that_refuses_dimensions_is_called_without(endpoint: EmbeddingEndpoint) -> None:
    endpoint.takes_dimensions = False
    async with provider_for(endpoint, embedding_model="BAAI/bge-m3") as provider:
        assert_same(await provider.embed(TEXTS), endpoint.vectors(TEXTS))
        await provider.embed(["a text"])
    assert [call.dimensions for call in endpoint.calls] == [DIMENSIONS, None, None]


async def test_the_key_is_sent_and_none_is_needed_with_a_base_url(endpoint: EmbeddingEndpoint) -> None:
    async with provider_for(endpoint, openai_api_key=f" {KEY}\n") as provider:
        await provider.embed(["a text"])
    async with provider_for(endpoint, openai_api_key=None) as provider:
        await provider.embed(["a text"])
    assert [call.headers["authorization"] for call in endpoint.calls] == [f"Bearer {KEY}", "Bearer none"]


def test_a_key_with_typographic_quotes_prevents_the_start() -> None:
    with pytest.raises(StartupError, match="OPENAI_API_KEY") as refusal:
        OpenAIProvider(load_settings(openai_api_key=f"“{KEY}”"))
    assert KEY not in refusal.value.detail


async def test_the_log_says_which_model_is_used_and_keeps_secrets(
    endpoint: EmbeddingEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    url = endpoint.base_url.replace("http://", "http://user:password@")
    with caplog.at_level(logging.INFO, "svc.embedding"):
        provider = create_provider(load_settings(openai_base_url=url, openai_api_key=KEY))
    await provider.close()
    assert "text-embedding-3-small with 1536 dimensions" in caplog.text
    assert endpoint.base_url in caplog.text
    assert "password" not in caplog.text
    assert KEY not in caplog.text


# Many at once


async def test_no_more_calls_run_than_the_setting_allows(endpoint: EmbeddingEndpoint) -> None:
    endpoint.delay_s = 0.05
    async with provider_for(endpoint, embedding_batch_size=2, embedding_concurrency=3) as provider:
        documents = await asyncio.gather(*(provider.embed(TEXTS) for _ in range(3)))
    assert endpoint.most_at_once == 3
    for vectors in documents:
        assert_same(vectors, endpoint.vectors(TEXTS))


async def test_a_search_does_not_wait_for_the_documents_in_work(endpoint: EmbeddingEndpoint) -> None:
    endpoint.delay_s = 0.1
    async with provider_for(endpoint, embedding_batch_size=1, embedding_concurrency=2) as provider:
        documents = [asyncio.create_task(provider.embed(TEXTS[:5])) for _ in range(6)]  # 30 calls, 1.5 s
        await asyncio.sleep(0.15)
        await provider.embed(["a question"])
        assert not any(document.done() for document in documents)
        await asyncio.gather(*documents)


async def test_a_short_document_overtakes_a_long_one(endpoint: EmbeddingEndpoint) -> None:
    endpoint.delay_s = 0.05
    async with provider_for(endpoint, embedding_batch_size=1, embedding_concurrency=2) as provider:
        long = asyncio.create_task(provider.embed(TEXTS * 2))  # 50 calls, 1.25 s
        await asyncio.sleep(0.08)
        await provider.embed(TEXTS[:2])
        assert not long.done()
        await long


async def test_a_cancelled_caller_frees_its_slot(endpoint: EmbeddingEndpoint) -> None:
    endpoint.next("hang")
    async with provider_for(endpoint, embedding_concurrency=1) as provider:
        left = asyncio.create_task(provider.embed(["one"]))
        await until(lambda: bool(endpoint.calls))
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        assert_same(await provider.embed(["two"]), endpoint.vectors(["two"]))
