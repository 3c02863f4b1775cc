"""Embeddings from the OpenAI API, or from any endpoint that speaks `POST /embeddings` as it does.

What can go wrong falls into three kinds:
- It may pass (no answer, 408, 409, 425, 429, 5xx, an answer that is no embedding reply): tried again at once,
  with a growing pause or the one that Retry-After asks for, then EmbeddingUnavailableError, so that the queue
  tries later.
- It will not pass (any other status): EmbeddingRefusedError with the endpoint's own words.
- Well-formed vectors that cannot be used (wrong dimension, NaN, zero): tried again, since a gateway may have
  sent one call to a wrong model; when it stays so, EmbeddingRefusedError.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NoReturn

import numpy as np
import openai
from numpy.typing import NDArray
from pydantic import SecretStr

from svc.backoff import backoff, jittered
from svc.database.guard import external_call
from svc.embedding.openai_replies import AttemptFailedError, ReplyReader
from svc.embedding.provider import check_texts
from svc.errors import EmbeddingRefusedError, EmbeddingUnavailableError, StartupError
from svc.settings.groups import EmbeddingSettings

logger = logging.getLogger(__name__)

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"

MAX_BATCH_BYTES: Final = 300_000
"""Bytes of UTF-8 in one call. The OpenAI API takes 300,000 tokens a call (its reference of "Create
embeddings"), and its tokenizers work on bytes, so that this many bytes are never more tokens, in whatever
language. A longer text goes alone; whether it is over the model's own limit (8,192 tokens at OpenAI, 512 in
many other models) the endpoint says.
"""

MAX_BACKOFF_S: Final = 8.0
MAX_RETRY_AFTER_S: Final = 20.0

NO_KEY: Final = "none"
"""Sent as the key when there is none: the client library wants one, and servers without keys ignore it."""


class OpenAIProvider:
    """The embedding provider for OpenAI and compatible endpoints.

    `backoff_s` is the pause before the first retry, doubled for each further one up to 8 s. A Retry-After of
    more than `retry_after_limit_s` seconds is not waited for but handed to the caller.
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
        key = _checked_key(settings.openai_api_key)
        self._replies = ReplyReader(model=self.model, dimensions=self.dimensions, key=key)
        self._client = openai.AsyncOpenAI(
            api_key=key or NO_KEY,
            base_url=settings.openai_base_url or DEFAULT_BASE_URL,
            timeout=self._timeout_s,
            # The retries here know when to leave it to the queue, and repeat garbled answers too.
            max_retries=0,
        )

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts in batches, several at once; the first that fails ends the others. See the protocol."""
        sizes = check_texts(texts)
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        is_urgent = len(texts) == 1
        # No more of one document's batches wait for a slot at a time: a short document overtakes a long one.
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
        """Close the connections to the endpoint."""
        await self._client.close()

    async def _embed_batch(self, texts: list[str], first: int, *, urgent: bool) -> NDArray[np.float32]:
        """Embed one batch, `first` being the index of its first text; retry what may pass."""
        for attempt in itertools.count(1):
            try:
                reply = await self._call_in_turn(texts, urgent=urgent)
                # Two megabytes of vectors take some ten milliseconds to decode and check.
                return await asyncio.to_thread(self._replies.vectors, reply, len(texts), first)
            except AttemptFailedError as failure:
                pause_s = self._pause_after(failure, attempt)
                logger.warning("embedding call %d of %d failed: %s", attempt, self._max_retries + 1, failure.detail)
                if attempt > self._max_retries or (failure.retry_after_s or 0) > self._retry_after_limit_s:
                    self._give_up(failure, attempt, pause_s)
            await asyncio.sleep(pause_s)
        raise AssertionError("unreachable")

    def _pause_after(self, failure: AttemptFailedError, attempt: int) -> float:
        """Seconds to wait before the next attempt; a Retry-After within the limit holds for every call."""
        backoff_s = jittered(backoff(attempt, self._backoff_s, MAX_BACKOFF_S))
        if failure.retry_after_s is None:
            return backoff_s
        if failure.retry_after_s <= self._retry_after_limit_s:
            self._paused_until = max(self._paused_until, time.monotonic() + failure.retry_after_s)
        return max(backoff_s, failure.retry_after_s)

    def _give_up(self, failure: AttemptFailedError, attempts: int, pause_s: float) -> NoReturn:
        tried = f" ({attempts} calls failed)" if attempts > 1 else ""
        if failure.is_unusable:
            raise EmbeddingRefusedError(failure.detail + tried) from failure
        raise EmbeddingUnavailableError(failure.detail + tried, retry_after_s=max(1.0, pause_s)) from failure

    async def _call_in_turn(self, texts: list[str], *, urgent: bool) -> bytes:
        """Make one call, once fewer than `embedding_concurrency` are under way and no Retry-After holds."""
        async with self._slot(urgent=urgent):
            # A loop, since another call's Retry-After can move the moment meanwhile.
            while (wait_s := self._paused_until - time.monotonic()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(wait_s)
            external_call("embedding")
            return await self._call(texts)

    @asynccontextmanager
    async def _slot(self, *, urgent: bool) -> AsyncIterator[None]:
        """Hold one of the slots.

        The batches of documents queue apart, and only the first of them waits for a slot. So a search, which
        embeds one text, waits for two calls to end at most, and not for all of a long document's.
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
        try:
            # The client's own limit is on each read, not on the whole.
            async with asyncio.timeout(self._timeout_s):
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
        logger.info("the embedding endpoint refuses the parameter `dimensions`: left out from now on")
        self._sends_dimensions = False
        return await self._call(texts)

    def _rejects_dimensions(self, error: openai.APIStatusError) -> bool:
        """Whether the endpoint refused the parameter `dimensions`.

        vLLM and LiteLLM do for most models, even when it asks for what the model gives anyway. A model that
        is known to take it has refused the number, not the parameter.
        """
        words = str(error.body).lower()
        refused = error.status_code in {400, 422} and ("dimension" in words or "matryoshka" in words)
        return refused and not self._takes_dimensions


def _checked_key(secret: SecretStr | None) -> str | None:
    """The key without the blanks around it that copying leaves.

    Raises:
        StartupError: it holds what no HTTP header carries, such as the quotes that some editors make.
    """
    key = secret.get_secret_value().strip() if secret else None
    if key and not (key.isascii() and key.isprintable()):
        raise StartupError("OPENAI_API_KEY holds characters that a key cannot hold; copy it again.")
    return key


def _batches(sizes: Sequence[int], batch_size: int) -> Iterator[tuple[int, int]]:
    """Cut texts of these sizes, in bytes, into batches (start, end) within both limits; none is empty."""
    start, total = 0, 0
    for index, size in enumerate(sizes):
        if index > start and (index - start == batch_size or total + size > MAX_BATCH_BYTES):
            yield start, index
            start, total = index, 0
        total += size
    if sizes:
        yield start, len(sizes)
