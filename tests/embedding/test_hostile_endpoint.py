"""An untrusted endpoint, which receives only the texts and can return only vectors."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from svc.embedding.choice import create_provider
from svc.embedding.openai import OpenAIProvider
from svc.embedding.openai_replies import ReplyReader
from svc.embedding.transport import answer_limit
from svc.errors import EmbeddingRefusedError, EmbeddingUnavailableError, StartupError
from svc.settings import load_settings
from tests.conftest import PATIENCE_S
from tests.embedding_endpoint import EmbeddingEndpoint

DIMENSIONS = 32
WORDS = "the endpoint's own words \x1b[31m\r\nFORGED"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[EmbeddingEndpoint]:
    with EmbeddingEndpoint(DIMENSIONS) as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[EmbeddingEndpoint]:
    with EmbeddingEndpoint(DIMENSIONS) as running:
        yield running


@pytest.fixture(autouse=True)
def _clean(endpoint: EmbeddingEndpoint, elsewhere: EmbeddingEndpoint) -> None:
    for each in (endpoint, elsewhere):
        each.well()
        each.calls.clear()
        each.flooded_bytes = 0


@asynccontextmanager
async def provider_for(endpoint: EmbeddingEndpoint, **changes: Any) -> AsyncIterator[OpenAIProvider]:
    settings = {
        "openai_base_url": endpoint.base_url, "openai_api_key": "sk-test", "embedding_dimensions": DIMENSIONS,
        "embedding_max_retries": 0, "embedding_timeout_s": PATIENCE_S,
    }  # fmt: skip
    provider = OpenAIProvider(load_settings(**{**settings, **changes}), backoff_s=0.02)
    try:
        yield provider
    finally:
        await provider.close()


# --- where the texts go


@pytest.mark.parametrize("address", ["{elsewhere}/embeddings", "http://[", "//\x01", "/v1/elsewhere"])
async def test_a_redirect_is_not_followed(
    endpoint: EmbeddingEndpoint, elsewhere: EmbeddingEndpoint, address: str
) -> None:
    endpoint.always("redirect")
    endpoint.redirects_to = address.format(elsewhere=elsewhere.base_url).replace("\x01", "%01")
    async with provider_for(endpoint, embedding_max_retries=2) as provider:
        with pytest.raises(EmbeddingRefusedError, match=r"answered 307 \(a redirect, .*OPENAI_BASE_URL") as refusal:
            await provider.embed(["a secret text"])
    assert len(endpoint.calls) == 1
    assert elsewhere.calls == []
    assert elsewhere.base_url not in refusal.value.detail


async def test_a_proxy_of_the_environment_is_not_used(
    endpoint: EmbeddingEndpoint,
    elsewhere: EmbeddingEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    proxy = elsewhere.base_url.removesuffix("/v1")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with caplog.at_level(logging.INFO, "svc.embedding"):
        provider = create_provider(load_settings(openai_base_url=endpoint.base_url, embedding_dimensions=DIMENSIONS))
    await provider.embed(["a text"])
    await provider.close()
    assert (len(endpoint.calls), len(elsewhere.calls)) == (1, 0)
    assert "CABINET_EMBEDDING_PROXY" in caplog.text


async def test_a_proxy_is_used_if_its_setting_names_one(elsewhere: EmbeddingEndpoint) -> None:
    """The proxy gets the request for a host that does not exist, and answers it."""
    proxy = elsewhere.base_url.removesuffix("/v1")
    async with provider_for(elsewhere, openai_base_url="http://endpoint.invalid/v1", embedding_proxy=proxy) as provider:
        vectors = await provider.embed(["a text"])
    np.testing.assert_allclose(vectors, elsewhere.vectors(["a text"]), atol=1e-6)
    assert elsewhere.calls[0].headers["host"] == "endpoint.invalid"


@pytest.mark.parametrize("setting", ["openai_base_url", "embedding_proxy"])
@pytest.mark.parametrize("url", ["http://u:hunter2#@h:8", "https://u:hunter2@[h", "http://u:hunter2@h:port", "http://"])
def test_a_url_that_a_password_breaks_is_refused_without_it(setting: str, url: str) -> None:
    with pytest.raises(StartupError) as refusal:
        OpenAIProvider(load_settings(openai_api_key="sk-test", **{setting: url}))
    assert "hunter2" not in refusal.value.detail
    assert setting.upper() in refusal.value.detail


# --- how much is read


@pytest.mark.parametrize("fault", ["bomb", "flood"])
async def test_an_answer_is_read_up_to_a_limit(endpoint: EmbeddingEndpoint, fault: str) -> None:
    endpoint.always(fault)
    async with provider_for(endpoint) as provider:
        await asyncio.to_thread(lambda: None)
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(EmbeddingUnavailableError, match=r"answer is too long: it has more than [0-9,]+ bytes"):
            await provider.embed(["a text"])
        # The endpoint runs in this process, so unread data is in its buffers.
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 200_000
        # The endpoint continues for a short time after the client has disconnected.
        assert endpoint.flooded_bytes < 512 * 2**20
        endpoint.well()
        assert (await provider.embed(["a text"])).shape == (1, DIMENSIONS)


async def test_a_compressed_answer_does_not_hold_the_event_loop(endpoint: EmbeddingEndpoint) -> None:
    """The loop runs other tasks between two pieces of a bomb."""
    endpoint.always("bomb")
    async with provider_for(endpoint, embedding_dimensions=3584) as provider:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        with pytest.raises(EmbeddingUnavailableError, match="too long"):
            await provider.embed(["a text"] * 200)
        counting.cancel()
    assert turns > answer_limit(200, 3584) // 2**20


async def test_only_the_beginning_of_an_error_is_read(endpoint: EmbeddingEndpoint) -> None:
    endpoint.always("503", message="word " * 10_000_000)
    async with provider_for(endpoint) as provider:
        with pytest.raises(EmbeddingUnavailableError, match=r"answered 503$"):
            await provider.embed(["a text"])


def test_every_good_answer_is_within_the_limit() -> None:
    """Numbers in their longest form, each on an indented line."""
    number = "-1.7976931348623157e+308"
    for texts, dimensions in ((1, 1), (1, 3584), (2048, 3584)):
        assert answer_limit(texts, dimensions) > texts * dimensions * (len(number) + 12)


# --- its messages


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "413", "418", "422", "429", "500", "503"])
async def test_its_words_go_to_the_log_only(
    endpoint: EmbeddingEndpoint, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.always(status, message=f"{WORDS} sk-test")
    async with provider_for(endpoint) as provider:
        with pytest.raises((EmbeddingRefusedError, EmbeddingUnavailableError)) as failure:
            await provider.embed(["a text"])
    assert f"answered {status}" in failure.value.detail
    assert "words" not in failure.value.detail
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert r"own words \x1b[31m FORGED [key]" in logged
    assert "\x1b" not in logged


async def test_a_failed_connection_is_described_in_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    with EmbeddingEndpoint(DIMENSIONS) as gone:
        pass
    async with provider_for(gone) as provider:
        with pytest.raises(EmbeddingUnavailableError) as failure:
            await provider.embed(["a text"])
    assert failure.value.detail == "the connection to the embedding endpoint failed"
    assert "ConnectError" in caplog.text


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"data": ' + b"[" * 100_000, "it is not JSON: it is nested too deeply"),
        (
            b'{"data": [{"index": 0, "embedding": "MTIzNDU="}]}',
            "an embedding is not a base64 text",
        ),
        (b'{"data": [{"index": 0, "embedding": "\xc3\xa9"}]}', "an embedding is not a base64 text"),
        (b'{"data": [{"index": 0, "embedding": "\xff"}]}', "it is not JSON: it is not encoded in UTF-8"),
        (b'{"data": [{"index": 0, "embedding": ["hunter2"]}]}', r"data\[0\]: embedding\[0\] must be a number"),
        (b'{"data": [{"index": 1, "embedding": []}]}', "index 1 for one of 1 texts"),
        (b'{"data": [{"index": ' + b"9" * 5000 + b', "embedding": []}]}', r"data\[0\]: index must be an integer"),
        (b'{"data": [7]}', r"data\[0\]: "),
        (b'{"data": 7}', "data must be a list"),
        (b"hunter2", "it is not JSON: line 1 has a syntax error at byte 1"),
    ],
)
def test_an_unreadable_answer_is_described_in_our_words(body: bytes, why: str) -> None:
    with pytest.raises(Exception, match=f"^the embedding endpoint's answer cannot be read: {why}") as failure:
        ReplyReader(model="m", dimensions=2, key=None).vectors(body, 1, 0)
    assert type(failure.value).__name__ == "AttemptFailedError"
    assert "hunter2" not in str(failure.value)
