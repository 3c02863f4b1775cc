"""Caches the vectors of recently embedded texts in this process, so that a repeated text needs no call to the provider.

All tenants of a process share the cache, because a vector depends only on the text and the model. A tenant who guesses
another tenant's text exactly could conclude from the response time that it was embedded recently. Where that matters,
`CABINET_EMBEDDING_CACHE_MB=0` turns the cache off.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svc import metrics
from svc.database.guard import external_call
from svc.embedding.provider import EmbeddingProvider, check_texts
from svc.vectors.digests import text_digest

ENTRY_BYTES: Final = 256
"""The overhead of an entry: two `bytes` objects, the 32 bytes of the hash, and the slot in the ordered dict.
CPython 3.11 uses 170 to 215 bytes, the most after the dict has just grown.
"""


class CachingProvider:
    """An embedding provider that caches the vectors of another provider, in up to `cache_bytes`.

    Vectors are cached in single precision, unchanged, so that a search returns the same results with and without the
    cache. Failures are not cached. An error that names a text by its index counts only the texts that were sent.
    """

    def __init__(self, provider: EmbeddingProvider, cache_bytes: int) -> None:
        self.name = provider.name
        self.model = provider.model
        self.dimensions = provider.dimensions
        self._provider = provider
        self._vectors = _Vectors(self.dimensions, cache_bytes)
        self._calls: dict[bytes, _Call] = {}

    @property
    def capacity(self) -> int:
        """The maximum number of cached vectors."""
        return self._vectors.capacity

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts. The provider receives each distinct text that is not cached once. See the protocol."""
        # Checked even if no call follows, so that a bug in the caller does not depend on the state of the cache.
        external_call("embedding")
        check_texts(texts)
        if len(texts) == 1:
            return (await self._one(texts[0]))[np.newaxis].copy()
        return await self._many(texts)

    async def close(self) -> None:
        """Close the underlying provider."""
        await self._provider.close()

    async def _one(self, text: str) -> NDArray[np.float32]:
        """Embed a single text, as searches do. Concurrent requests for the same text share one call."""
        digest = text_digest(text)
        vector = self._vectors.get(digest)
        call = self._calls.get(digest)
        if call is not None and call.task.done():
            # It failed, and its waiters have not run yet. This request starts a new call.
            call = None
        metrics.embedding_cache_total.labels("miss" if vector is None and call is None else "hit").inc()
        if vector is not None:
            return vector
        if call is None:
            call = self._calls[digest] = _Call(asyncio.create_task(self._fetch(digest, text), name="embedding"))
        call.waiting += 1
        try:
            # Unlike awaiting the task, this does not cancel it when this waiter is cancelled.
            await asyncio.wait([call.task])
            return call.task.result()
        finally:
            call.waiting -= 1
            if not call.waiting:
                call.task.cancel()
                # Removed now, not when the task has ended, so that no request in between waits for a cancelled call.
                if self._calls.get(digest) is call:
                    del self._calls[digest]

    async def _fetch(self, digest: bytes, text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = (await self._provider.embed([text]))[0]
        self._vectors.put(digest, vector, is_search=True)
        return vector

    async def _many(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed the texts of a document. They do not wait for calls of other documents, which may be longer."""
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        missing: dict[bytes, list[int]] = {}
        for index, text in enumerate(texts):
            digest = text_digest(text)
            vector = self._vectors.get(digest)
            if vector is None:
                missing.setdefault(digest, []).append(index)
            else:
                vectors[index] = vector
        metrics.embedding_cache_total.labels("miss").inc(len(missing))
        metrics.embedding_cache_total.labels("hit").inc(len(texts) - len(missing))
        if missing:
            embedded = await self._provider.embed([texts[indexes[0]] for indexes in missing.values()])
            for (digest, indexes), vector in zip(missing.items(), embedded, strict=True):
                vectors[indexes] = vector
                self._vectors.put(digest, vector, is_search=False)
        return vectors


class _Call:
    """A running call to the provider and the number of its waiters. It is cancelled when the last waiter leaves."""

    def __init__(self, task: asyncio.Task[NDArray[np.float32]]) -> None:
        self.task = task
        self.waiting = 0


class _Vectors:
    """An LRU cache of vectors by the hash of their text, limited in bytes.

    All vectors have the same width, so the limit is a number of entries. Entries of documents and of searches are kept
    apart, and the larger group evicts first: one large document does not evict the queries that are searched all day.
    """

    def __init__(self, dimensions: int, limit_bytes: int) -> None:
        self.capacity = limit_bytes // (dimensions * np.dtype(np.float32).itemsize + ENTRY_BYTES)
        self._of_documents: OrderedDict[bytes, bytes] = OrderedDict()
        self._of_searches: OrderedDict[bytes, bytes] = OrderedDict()

    def get(self, digest: bytes) -> NDArray[np.float32] | None:
        """Returns the vector of a text, read-only, and marks it as used; None if it is not cached."""
        for vectors in (self._of_searches, self._of_documents):
            numbers = vectors.get(digest)
            if numbers is not None:
                vectors.move_to_end(digest)
                return np.frombuffer(numbers, dtype=np.float32)
        return None

    def put(self, digest: bytes, vector: NDArray[np.float32], *, is_search: bool) -> None:
        """Cache a vector and evict entries beyond the limit."""
        # A copy, because a row would keep the provider's whole array in memory.
        (self._of_searches if is_search else self._of_documents)[digest] = vector.tobytes()
        while len(self._of_searches) + len(self._of_documents) > self.capacity:
            max(self._of_documents, self._of_searches, key=len).popitem(last=False)
