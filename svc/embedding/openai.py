"""Embeddings from the OpenAI API, or from any endpoint with a compatible `POST /embeddings`.

There are three kinds of failures:
- Temporary ones (no answer, 408, 409, 425, 429, 5xx, an answer that is not an embedding reply) are retried with a
growing
  pause or the one that Retry-After requests. EmbeddingUnavailableError follows, so that the queue retries later.
- Permanent ones (any other status, including redirects) raise EmbeddingRefusedError.
- Well-formed but unusable vectors (wrong dimension, NaN, zero) are retried, because a gateway may have routed one call
  to the wrong model. If they persist, EmbeddingRefusedError follows.

Tenants see the details of these errors, so they contain no text of the endpoint; the log has its messages.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Final, NoReturn

import httpx2
import numpy as np
import openai
from numpy.typing import NDArray
from pydantic import SecretStr

from svc import metrics
from svc.backoff import backoff, jittered
from svc.database.guard import external_call
from svc.embedding.failures import AttemptFailedError
from svc.embedding.openai_replies import ReplyReader
from svc.embedding.provider import check_texts
from svc.embedding.transport import answer_limit, create_client, limited_answer
from svc.errors import EmbeddingRefusedError, EmbeddingUnavailableError, StartupError
from svc.settings.model import EmbeddingSettings

logger = logging.getLogger(__name__)

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"

MAX_BATCH_BYTES: Final = 300_000
"""The maximum number of UTF-8 bytes in one call. The OpenAI API accepts 300,000 tokens per call (its reference for
"Create embeddings"), and its tokenizers work on bytes, so this many bytes never have more tokens, in any language.
A longer text gets its own call; the endpoint checks the model's own limit (8,192 tokens at OpenAI, 512 for many other
models).
"""

MAX_BACKOFF_S: Final = 8.0
MAX_RETRY_AFTER_S: Final = 20.0
MAX_DECODERS: Final = 2
"""Threads that decode answers. More would only compete for the interpreter."""

NO_KEY: Final = "none"
"""Sent if no key is configured: the client library requires a key, and servers without keys ignore it."""


class OpenAIProvider:
    """The embedding provider for OpenAI and compatible endpoints.

    `backoff_s` is the pause before the first retry; it doubles with each further one, up to 8 s. A Retry-After of more
    than `retry_after_limit_s` seconds is passed to the caller in the exception instead of being waited for.
    """

    name = "openai"

    def __init__(
        self, settings: EmbeddingSettings, *, backoff_s: float = 0.5, retry_after_limit_s: float = MAX_RETRY_AFTER_S
    ) -> None:
        self.model = settings.model
        self.dimensions = settings.dimensions
        self._batch_size = settings.embedding_batch_size
        self._timeout_s = settings.embedding_timeout_s
        self._max_retries = settings.embedding_max_retries
        self._backoff_s = backoff_s
        self._retry_after_limit_s = retry_after_limit_s
        self._takes_dimensions = "text-embedding-3" in self.model
        self._sends_dimensions = self._takes_dimensions or settings.embedding_dimensions is not None
        self._concurrency = settings.embedding_concurrency
        self._slots = asyncio.Semaphore(self._concurrency)
        self._documents_turn = asyncio.Lock()
        self._paused_until = 0.0
        # The time of the endpoint's last answer, and the start of its outage; None if the last call was answered.
        self._answered_at = -math.inf
        self._failing_since: float | None = None
        key = _checked_key(settings.openai_api_key)
        self._replies = ReplyReader(model=self.model, dimensions=self.dimensions, key=key)
        # Separate threads, so that decoding does not occupy those of the rest of the service.
        self._decoders = ThreadPoolExecutor(min(self._concurrency, MAX_DECODERS), thread_name_prefix="embedding-answer")
        self._client = _client(settings, key or NO_KEY)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts in concurrent batches; the first failure cancels the other batches. See the protocol."""
        sizes = check_texts(texts)
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        is_urgent = len(texts) == 1
        # Limits how many batches of one document wait for a slot, so that a short document overtakes a long one.
        share = asyncio.Semaphore(self._concurrency)

        async def fill(start: int, end: int) -> None:
            async with share:
                vectors[start:end] = await self._embed_batch(list(texts[start:end]), start, urgent=is_urgent)

        try:
            async with asyncio.TaskGroup() as group:
                for start, end in _batches(sizes, self._batch_size):
                    group.create_task(fill(start, end))
        except ExceptionGroup as failures:
            first = failures.exceptions[0]
            raise first from first.__cause__
        return vectors

    async def close(self) -> None:
        """Close the connections to the endpoint, and stop the threads."""
        await self._client.close()
        await asyncio.to_thread(self._decoders.shutdown)

    async def _embed_batch(self, texts: list[str], first: int, *, urgent: bool) -> NDArray[np.float32]:
        """Embed one batch and retry temporary failures. `first` is the index of the batch's first text."""
        began = time.monotonic()
        for attempt in itertools.count(1):
            try:
                return await self._vectors_in_turn(texts, first, urgent=urgent)
            except AttemptFailedError as failure:
                self._failing_since = self._failing_since or time.monotonic()
                pause_s = self._pause_after(failure, attempt)
                logger.warning("embedding call %d of %d failed: %s", attempt, self._max_retries + 1, failure.detail)
                if attempt > self._max_retries or (failure.retry_after_s or 0) > self._retry_after_limit_s:
                    self._give_up(failure, attempt, pause_s, began)
            await asyncio.sleep(pause_s)
        raise AssertionError("unreachable")

    def _pause_after(self, failure: AttemptFailedError, attempt: int) -> float:
        """Seconds to wait before the next attempt. A Retry-After within the limit pauses all calls."""
        backoff_s = jittered(backoff(attempt, self._backoff_s, MAX_BACKOFF_S))
        if failure.retry_after_s is None:
            return backoff_s
        if failure.retry_after_s <= self._retry_after_limit_s:
            self._paused_until = max(self._paused_until, time.monotonic() + failure.retry_after_s)
        return max(backoff_s, failure.retry_after_s)

    def _give_up(self, failure: AttemptFailedError, attempts: int, pause_s: float, began: float) -> NoReturn:
        tried = f" ({attempts} calls failed)" if attempts > 1 else ""
        if failure.is_unusable:
            raise EmbeddingRefusedError(failure.detail + tried) from failure
        error = EmbeddingUnavailableError(failure.detail + tried, retry_after_s=max(1.0, pause_s))
        # An endpoint that sends Retry-After is busy; the texts are not the cause.
        if failure.retry_after_s is not None or self._answered_at < began:
            error.outage_s = time.monotonic() - min(began, self._failing_since or began)
        raise error from failure

    async def _vectors_in_turn(self, texts: list[str], first: int, *, urgent: bool) -> NDArray[np.float32]:
        """Make one call as soon as a slot is free and no Retry-After is in effect, and decode its answer.

        The slot is held until the answer is decoded, which bounds the answers in memory.
        """
        async with self._slot(urgent=urgent):
            # A loop, because the Retry-After of another call can extend the wait.
            while (wait_s := self._paused_until - time.monotonic()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(wait_s)
            external_call("embedding")
            with _timed():
                reply = await self._call(texts)
            # Decoding and checking two megabytes of vectors takes about ten milliseconds.
            vectors = await asyncio.get_running_loop().run_in_executor(
                self._decoders, self._replies.vectors, reply, len(texts), first
            )
            self._answered_at, self._failing_since = time.monotonic(), None
            return vectors

    @asynccontextmanager
    async def _slot(self, *, urgent: bool) -> AsyncIterator[None]:
        """Hold one of the slots.

        Batches of documents wait in a separate queue, and only the first of them waits for a slot. So a search, which
        embeds one text, waits for at most two calls instead of all calls of a long document.
        """
        if urgent:
            await self._slots.acquire()
        else:
            async with self._documents_turn:
                await self._slots.acquire()
        try:
            yield
        finally:
            self._slots.release()

    async def _call(self, texts: list[str]) -> bytes:
        """Make one call and return the body of its answer."""
        sent_dimensions = self._sends_dimensions
        limit_bytes = answer_limit(len(texts), self.dimensions)
        try:
            # The client's timeout limits each read, not the whole call.
            async with asyncio.timeout(self._timeout_s):
                with limited_answer(limit_bytes):
                    response = await self._client.embeddings.with_raw_response.create(
                        model=self.model,
                        input=texts,
                        encoding_format="base64",
                        dimensions=self.dimensions if sent_dimensions else openai.omit,
                    )
        except (TimeoutError, openai.APITimeoutError):
            raise AttemptFailedError(f"the embedding endpoint gave no answer within {self._timeout_s:g} s") from None
        except openai.APIConnectionError as error:
            raise self._replies.connection_failure(error) from error
        except openai.APIStatusError as error:
            if not (sent_dimensions and self._rejects_dimensions(error)):
                raise self._replies.status_failure(error, len(texts)) from error
        else:
            return response.http_response.content
        logger.info("the embedding endpoint refuses the parameter `dimensions`; it is omitted from now on")
        self._sends_dimensions = False
        return await self._call(texts)

    def _rejects_dimensions(self, error: openai.APIStatusError) -> bool:
        """Whether the endpoint refused the parameter `dimensions`.

        vLLM and LiteLLM refuse it for most models, even if it equals the model's own number. A model that is known to
        support the parameter has refused the number.
        """
        words = str(error.body).lower()
        refused = error.status_code in {400, 422} and ("dimension" in words or "matryoshka" in words)
        return refused and not self._takes_dimensions


@contextmanager
def _timed() -> Iterator[None]:
    """Record the time and the outcome of a call. A cancelled call has neither."""
    started, outcome = time.perf_counter(), "ok"
    try:
        yield
    except AttemptFailedError:
        outcome = "failed"
        raise
    except EmbeddingRefusedError:
        outcome = "refused"
        raise
    except BaseException:
        outcome = ""
        raise
    finally:
        if outcome:
            metrics.embedding_call_seconds.labels(outcome).observe(time.perf_counter() - started)


def _client(settings: EmbeddingSettings, key: str) -> openai.AsyncOpenAI:
    """Returns the client library's client for the endpoint.

    Raises:
        StartupError: the URL of the endpoint or of the proxy is invalid; the detail contains no part of it.
    """
    timeout_s, proxy = settings.embedding_timeout_s, settings.embedding_proxy
    url = None if proxy is None else proxy.get_secret_value()
    try:
        connections = create_client(timeout_s, settings.embedding_concurrency, url)
    except (ValueError, httpx2.InvalidURL):
        raise StartupError("CABINET_EMBEDDING_PROXY is not a valid URL of an HTTP proxy.") from None
    try:
        # The retries of the provider also cover malformed answers, and leave long waits to the queue.
        return openai.AsyncOpenAI(
            api_key=key,
            base_url=settings.openai_base_url or DEFAULT_BASE_URL,
            timeout=timeout_s,
            http_client=connections,
            max_retries=0,
        )
    except (ValueError, httpx2.InvalidURL):
        raise StartupError("OPENAI_BASE_URL is not a valid URL.") from None


def _checked_key(secret: SecretStr | None) -> str | None:
    """Returns the key without surrounding whitespace.

    Raises:
        StartupError: the key contains characters that are invalid in an HTTP header, such as typographic quotes.
    """
    key = secret.get_secret_value().strip() if secret else None
    if key and not (key.isascii() and key.isprintable()):
        raise StartupError("OPENAI_API_KEY contains invalid characters; copy it again.")
    return key


def _batches(sizes: Sequence[int], batch_size: int) -> Iterator[tuple[int, int]]:
    """Yield batches (start, end) of texts with these sizes in bytes, within both limits; no batch is empty."""
    start, total = 0, 0
    for index, size in enumerate(sizes):
        if index > start and (index - start == batch_size or total + size > MAX_BATCH_BYTES):
            yield start, index
            start, total = index, 0
        total += size
    if sizes:
        yield start, len(sizes)
