"""The vectors of texts embedded lately, kept in this process: a text asked for again costs no call of the provider.

All tenants of a process share them, for a vector depends on the text and the model alone. Whoever can guess
another's text word for word could tell from the time of an answer that it was embedded here lately; where that
matters, `CABINET_EMBEDDING_CACHE_MB=0` turns the cache off.
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
"""What an entry takes beside its numbers: two `bytes` objects with the 32 of the hash, and its place in the order.
CPython 3.11 takes 170 to 215, the most when the table of the order has just grown.
"""


class CachingProvider:
    """An embedding provider that remembers what another one gave, up to `cache_bytes`.

    It keeps the numbers as they came, in single precision, so that a search finds the same with it and without.
    Only vectors are remembered, failures never. A refusal that names a text by number counts those that were sent.
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
        """How many vectors are kept at most."""
        return self._vectors.capacity

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts, of which the provider gets those that are not remembered, each once. See the protocol."""
        # Also where no call follows: whether a caller's fault shows must not depend on who asked before.
        external_call("embedding")
        check_texts(texts)
        if len(texts) == 1:
            return (await self._one(texts[0]))[np.newaxis].copy()
        return await self._many(texts)

    async def close(self) -> None:
        """Close the provider beneath."""
        await self._provider.close()

    async def _one(self, text: str) -> NDArray[np.float32]:
        """A single text, as a search has it. Who asks for it while a call is under way waits for that call."""
        digest = text_digest(text)
        vector = self._vectors.get(digest)
        call = self._calls.get(digest)
        if call is not None and call.task.done():
            # It failed, and those who waited have yet to be told; who comes now gets a call of their own.
            call = None
        metrics.embedding_cache_total.labels("miss" if vector is None and call is None else "hit").inc()
        if vector is not None:
            return vector
        if call is None:
            call = self._calls[digest] = _Call(asyncio.create_task(self._fetch(digest, text), name="embedding"))
        call.waiting += 1
        try:
            # Unlike awaiting the task, this leaves it alone when the one who waits is cancelled.
            await asyncio.wait([call.task])
            return call.task.result()
        finally:
            call.waiting -= 1
            if not call.waiting:
                call.task.cancel()
                # Now, not when the task has ended: who comes in between must not wait for a cancelled call.
                if self._calls.get(digest) is call:
                    del self._calls[digest]

    async def _fetch(self, digest: bytes, text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = (await self._provider.embed([text]))[0]
        self._vectors.put(digest, vector, is_search=True)
        return vector

    async def _many(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The texts of a document. They wait for no call of others, which may be a longer document's."""
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
    """A call of the provider under way, and how many wait for it; when none does any more, it is cancelled."""

    def __init__(self, task: asyncio.Task[NDArray[np.float32]]) -> None:
        self.task = task
        self.waiting = 0


class _Vectors:
    """The vectors used last, by the hash of their text, up to a number of bytes; the oldest go first.

    One model gave them all, so they are of one width, and bytes are a number of entries. Those of documents go before
    those of searches as long as they are more: one large document does not push out what is searched all day.
    """

    def __init__(self, dimensions: int, limit_bytes: int) -> None:
        self.capacity = limit_bytes // (dimensions * np.dtype(np.float32).itemsize + ENTRY_BYTES)
        self._of_documents: OrderedDict[bytes, bytes] = OrderedDict()
        self._of_searches: OrderedDict[bytes, bytes] = OrderedDict()

    def get(self, digest: bytes) -> NDArray[np.float32] | None:
        """The vector of a text, which is now the one used last; read-only."""
        for vectors in (self._of_searches, self._of_documents):
            numbers = vectors.get(digest)
            if numbers is not None:
                vectors.move_to_end(digest)
                return np.frombuffer(numbers, dtype=np.float32)
        return None

    def put(self, digest: bytes, vector: NDArray[np.float32], *, is_search: bool) -> None:
        """Keep a vector; what is over the limit goes."""
        # A copy: a row of the provider's array would keep all of that array.
        (self._of_searches if is_search else self._of_documents)[digest] = vector.tobytes()
        while len(self._of_searches) + len(self._of_documents) > self.capacity:
            max(self._of_documents, self._of_searches, key=len).popitem(last=False)
