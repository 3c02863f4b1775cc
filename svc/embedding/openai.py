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
import base64
import itertools
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn

import msgspec
import numpy as np
import openai
from numpy.typing import NDArray
from pydantic import SecretStr

from svc.database.guard import external_call
from svc.embedding.provider import check_texts
from svc.embedding.vectors import check_vectors
from svc.errors import CabinetError, EmbeddingRefusedError, EmbeddingUnavailableError, StartupError
from svc.settings import Settings

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
MAX_STATED_RETRY_AFTER_S: Final = 86_400.0
"""A day: what a Retry-After beyond it, such as a date in another century, is taken for."""

MAX_MESSAGE_CHARACTERS: Final = 300
TRANSIENT_STATUSES: Final = frozenset({408, 409, 425, 429})

NO_KEY: Final = "none"
"""Sent as the key when there is none: the client library wants one, and servers without keys ignore it."""


class OpenAIProvider:
    """The embedding provider for OpenAI and compatible endpoints.

    `backoff_s` is the pause before the first retry, doubled for each further one up to 8 s. A Retry-After of
    more than `retry_after_limit_s` seconds is not waited for but handed to the caller.
    """

    name = "openai"

    def __init__(
        self, settings: Settings, *, backoff_s: float = 0.5, retry_after_limit_s: float = MAX_RETRY_AFTER_S
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
        self._key = _checked_key(settings.openai_api_key)
        self._client = openai.AsyncOpenAI(
            api_key=self._key or NO_KEY,
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
                return await asyncio.to_thread(self._decode, reply, len(texts), first)
            except _AttemptFailedError as failure:
                pause_s = self._pause_after(failure, attempt)
                logger.warning("embedding call %d of %d failed: %s", attempt, self._max_retries + 1, failure.detail)
                if attempt > self._max_retries or (failure.retry_after_s or 0) > self._retry_after_limit_s:
                    self._give_up(failure, attempt, pause_s)
            await asyncio.sleep(pause_s)
        raise AssertionError("unreachable")

    def _pause_after(self, failure: _AttemptFailedError, attempt: int) -> float:
        """Seconds to wait before the next attempt; a Retry-After within the limit holds for every call."""
        jitter = random.uniform(0.5, 1.0)  # noqa: S311
        backoff_s = min(self._backoff_s * 2.0 ** (attempt - 1), MAX_BACKOFF_S) * jitter
        if failure.retry_after_s is None:
            return backoff_s
        if failure.retry_after_s <= self._retry_after_limit_s:
            self._paused_until = max(self._paused_until, time.monotonic() + failure.retry_after_s)
        return max(backoff_s, failure.retry_after_s)

    def _give_up(self, failure: _AttemptFailedError, attempts: int, pause_s: float) -> NoReturn:
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
            raise _AttemptFailedError(f"the embedding endpoint gave no answer within {self._timeout_s:g} s") from None
        except openai.APIConnectionError as error:
            reason = self._shorten(str(error.__cause__ or error)) or type(error.__cause__).__name__
            raise _AttemptFailedError(f"the connection to the embedding endpoint failed: {reason}") from error
        except openai.APIStatusError as error:
            if not (sent_dimensions and self._rejects_dimensions(error)):
                raise self._status_failure(error, len(texts)) from error
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

    def _status_failure(self, error: openai.APIStatusError, count: int) -> Exception:
        status = error.status_code
        message = self._shorten(_endpoint_message(error.body))
        detail = f"the embedding endpoint answered {status}" + (f": {message}" if message else "")
        if status in TRANSIENT_STATUSES or status >= 500:
            return _AttemptFailedError(detail, retry_after_s=_retry_after_s(error.response.headers))
        hints = {
            401: "check OPENAI_API_KEY",
            403: "check OPENAI_API_KEY",
            404: f"check OPENAI_BASE_URL and CABINET_EMBEDDING_MODEL ({self.model})",
            413: f"it was sent {count} texts; lower CABINET_EMBEDDING_BATCH_SIZE",
        }
        return EmbeddingRefusedError(f"{detail} ({hints[status]})" if status in hints else detail)

    def _decode(self, body: bytes, count: int, first: int) -> NDArray[np.float32]:
        """Decode and check the answer to a call with `count` texts.

        Raises:
            _AttemptFailedError: it is no embedding reply, or its vectors cannot be used.
        """
        try:
            rows = _rows_in_order(_reply_decoder.decode(body), count)
        except ValueError as error:  # msgspec's, binascii's and UnicodeDecodeError are all of this kind
            start = self._shorten(body[: 4 * MAX_MESSAGE_CHARACTERS].decode(errors="replace"))[:80]
            raise _AttemptFailedError(
                f"the embedding endpoint's answer cannot be read: {error} (it begins {start!r})"
            ) from error
        try:
            return check_vectors(rows, count=count, dimensions=self.dimensions, first=first)
        except EmbeddingRefusedError as error:
            raise _AttemptFailedError(error.detail, is_unusable=True) from error

    def _shorten(self, message: str) -> str:
        """The endpoint's words, on one line, cut, and without the key, which some endpoints repeat."""
        if self._key:
            message = message.replace(self._key, "[key]")
        message = " ".join(message.split())
        return message[:MAX_MESSAGE_CHARACTERS] + "…" * (len(message) > MAX_MESSAGE_CHARACTERS)


def _checked_key(secret: SecretStr | None) -> str | None:
    """The key without the blanks around it that copying leaves.

    Raises:
        StartupError: it holds what no HTTP header carries, such as the quotes that some editors make.
    """
    key = secret.get_secret_value().strip() if secret else None
    if key and not (key.isascii() and key.isprintable()):
        raise StartupError("OPENAI_API_KEY holds characters that a key cannot hold; copy it again.")
    return key


class _AttemptFailedError(CabinetError):
    """One call failed, and the next may not. `is_unusable`: with well-formed vectors that cannot be used."""

    def __init__(self, detail: str, *, retry_after_s: float | None = None, is_unusable: bool = False) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.is_unusable = is_unusable


class _Embedding(msgspec.Struct):
    index: int
    embedding: str | list[float]  # base64, or numbers from servers that ignore `encoding_format`


class _Reply(msgspec.Struct):
    data: list[_Embedding]


_reply_decoder = msgspec.json.Decoder(_Reply)


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


def _rows_in_order(reply: _Reply, count: int) -> list[NDArray[np.float32]]:
    """The reply's vectors in the order of the texts.

    Raises:
        ValueError: an index is missing, doubled or out of range, or a vector is neither base64 nor numbers.
    """
    if len(reply.data) != count:
        raise ValueError(f"{len(reply.data)} vectors for {count} texts")
    rows: dict[int, NDArray[np.float32]] = {}
    for item in reply.data:
        if not 0 <= item.index < count:
            raise ValueError(f"index {item.index} for one of {count} texts")
        if item.index in rows:
            raise ValueError(f"index {item.index} twice")
        rows[item.index] = _vector(item.embedding)
    return [rows[index] for index in range(count)]


def _vector(embedding: str | list[float]) -> NDArray[np.float32]:
    if isinstance(embedding, str):
        # Little-endian on every machine. https://platform.openai.com/docs/api-reference/embeddings/create
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    # A number beyond single precision becomes infinite, and is refused as such.
    with np.errstate(over="ignore"):
        return np.asarray(embedding, dtype=np.float32)


def _endpoint_message(body: object) -> str:
    """The sentence in an error's body: `message` at OpenAI and vLLM, `detail` at many, else all of it."""
    if isinstance(body, Mapping):
        for name in ("message", "detail"):
            if isinstance(body.get(name), str):
                return str(body[name])
    text = "" if body is None else str(body)
    return "an HTML page" if text.lstrip().startswith("<") else text


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The seconds that a Retry-After header asks for, given in seconds or as a date (RFC 9110, section
    10.2.3), or OpenAI's own retry-after-ms in milliseconds. None where there is none or it cannot be read.
    """
    for name, units_per_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / units_per_second
        except (KeyError, ValueError):
            continue
        return min(max(seconds, 0.0), MAX_STATED_RETRY_AFTER_S) if not math.isnan(seconds) else None
    try:
        seconds = parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time()
    except (KeyError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_STATED_RETRY_AFTER_S)
