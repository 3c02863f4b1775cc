"""Chunks with known vectors and documents, and an independent search over them with NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc.ingest.chunk import TextChunk
from svc.ingest.queue import Queue
from tests.conftest import Service
from tests.routes.tenants import Tenant, direct_connection, new_tenant

DIMENSIONS = 256
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
FILE_TYPES = ["text", "markdown", "html", "pdf", "csv", "docx"]
Distances = NDArray[np.float64]


@dataclass(frozen=True)
class StoredChunk:
    """A stored chunk and its document."""

    id: str
    document_id: str
    content: str
    metadata: dict[str, Any]
    file_type: str
    created_at: datetime
    vector: NDArray[np.float16]


@dataclass(frozen=True)
class Corpus:
    """A tenant and all their chunks."""

    tenant: Tenant
    # pytest shows fixtures by their repr, which would be long and slow with this field.
    chunks: list[StoredChunk] = field(repr=False)

    @property
    def document_ids(self) -> list[str]:
        """The documents, oldest first."""
        return list(dict.fromkeys(chunk.document_id for chunk in self.chunks))

    def of(self, keep: Callable[[StoredChunk], bool]) -> list[StoredChunk]:
        """The chunks that should match a filter."""
        return [chunk for chunk in self.chunks if keep(chunk)]


def random_vectors(count: int, seed: int) -> NDArray[np.float16]:
    """Vectors in half precision, with lengths from 1 to 30, so that each metric has a different order."""
    generator = np.random.default_rng(seed)
    lengths = generator.uniform(0.1, 2.0, size=(count, 1))
    return (generator.standard_normal((count, DIMENSIONS)) * lengths).astype(np.float16)


async def store(tenant: Tenant, vectors: NDArray[np.float16], number: int) -> list[StoredChunk]:
    """Store one document with a chunk for each vector, like a worker, and set its timestamp."""
    service = tenant.service
    metadata = {
        "topic": ["sea", "sky", "land"][number % 3],
        "number": number,
        "nested": {"tags": [number, "all"]},
        "both": "the document's",
    }
    document = await tenant.upload(f"{number}.txt", f"document {number}", **metadata)
    queue = Queue(service.services.database, "test", 60)
    job = await queue.claim()
    assert job is not None
    assert await queue.start(job) is not None
    chunks = [
        TextChunk(f"document {number}, chunk {i}", 4, {"page": i, "both": "the chunk's"}) for i in range(len(vectors))
    ]
    await queue.store(job, chunks, vectors)
    file_type, created_at = FILE_TYPES[number % 6], FIRST_DAY + timedelta(days=number)
    async with direct_connection(service) as connection:
        await connection.execute(
            "update documents set file_type = $2, created_at = $3 where id = $1",
            UUID(document["id"]), file_type, created_at,
        )  # fmt: skip
        rows = await connection.fetch(
            "select id::text from chunks where document_id = $1 order by chunk_index", UUID(document["id"])
        )
    return [
        # The metadata of a chunk takes precedence over that of its document.
        StoredChunk(row["id"], document["id"], chunk.content, {**metadata, **chunk.metadata}, file_type, created_at, v)
        for row, chunk, v in zip(rows, chunks, vectors, strict=True)
    ]


async def make_corpus(service: Service, vectors: Sequence[NDArray[np.float16]]) -> Corpus:
    """A new tenant with one document for each array of vectors."""
    tenant = await new_tenant(service)
    stored = [await store(tenant, each, number) for number, each in enumerate(vectors)]
    return Corpus(tenant, list(itertools.chain.from_iterable(stored)))


def distances(query: Sequence[float], chunks: Sequence[StoredChunk], metric: str) -> Distances:
    """The distance of each chunk, in double precision, from the query in the precision of the search."""
    q = np.asarray(query, dtype=np.float32).astype(np.float16).astype(np.float64)
    v = np.stack([chunk.vector for chunk in chunks]).astype(np.float64)
    if metric == "l2":
        return np.asarray(np.sqrt(((v - q) ** 2).sum(axis=1)))
    products = np.asarray(v @ q)
    if metric == "inner_product":
        return -products
    # One root, as on the server, so that the results for whole numbers are equal to the last bit.
    return np.asarray(1 - np.clip(products / np.sqrt((v**2).sum(axis=1) * (q**2).sum()), -1, 1))


def similarities(distance: Distances, metric: str) -> Distances:
    """The similarity by the definition of the API."""
    if metric == "l2":
        return 1 / (1 + distance)
    return -distance if metric == "inner_product" else 1 - distance


def check(
    results: Sequence[Mapping[str, Any]],
    query: Sequence[float],
    chunks: Sequence[StoredChunk],
    *,
    metric: str = "cosine",
    limit: int = 5,
) -> None:
    """Check the chunks, the order and the similarities of results against all `chunks` that the search had to consider.

    The database sums in single precision, so each number may differ in its sixth digit.
    """
    expected = distances(query, chunks, metric)
    assert len(results) == min(limit, len(chunks))
    by_id = {chunk.id: (chunk, distance) for chunk, distance in zip(chunks, expected, strict=True)}
    assert len({result["chunk_id"] for result in results}) == len(results), "a chunk came twice"
    found = np.array([result["distance"] for result in results])
    off = 1e-5 * max(1.0, float(np.abs(expected).max()))
    assert np.all(np.diff(found) >= 0), "not in order"
    np.testing.assert_allclose(found, np.sort(expected)[: len(results)], atol=off)
    for result in results:
        chunk, distance = by_id[result["chunk_id"]]
        np.testing.assert_allclose(result["distance"], distance, atol=off)
        np.testing.assert_allclose(result["similarity"], similarities(np.array(distance), metric), atol=off)
        assert result["document_id"] == chunk.document_id
        assert result["content"] == chunk.content
        assert result["metadata"] == chunk.metadata
        assert result["chunk_index"] == chunk.metadata["page"]
        assert result["filename"] == f"{chunk.metadata['number']}.txt"
