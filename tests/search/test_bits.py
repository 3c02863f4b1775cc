"""The recall of the lane of signatures, with and without filters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from svc.embedded.server import EmbeddedServer
from svc.vectors.signatures import signature_bits, signatures
from tests.conftest import Service, test_settings
from tests.routes.answers import ok
from tests.routes.tenants import shared_service
from tests.search.corpus import DIMENSIONS, Corpus, make_corpus

DOCUMENTS = 40
CHUNKS = 75


def clustered_vectors(count: int, seed: int) -> NDArray[np.float16]:
    """Unit vectors like those of texts: some topics, each with far fewer directions than dimensions."""
    fixed, random = np.random.default_rng(1), np.random.default_rng(seed)
    topics, directions = fixed.standard_normal((12, DIMENSIONS)), fixed.standard_normal((24, DIMENSIONS))
    vectors = topics[random.integers(0, 12, count)] + 0.4 * random.standard_normal((count, 24)) @ directions
    unit: NDArray[np.float16] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    return unit


@pytest_asyncio.fixture(scope="module")
async def medium(server: EmbeddedServer, template: str) -> AsyncIterator[Corpus]:
    """A tenant of 3,000 vectors on the lane of the signatures."""
    settings = test_settings(worker_concurrency=0, exact_max_rows=0, key_cache_s=0)
    async with shared_service(server, template, "shared_bits", settings) as service:
        yield await make_medium(service)


async def make_medium(service: Service) -> Corpus:
    """The tenant, between two others with the same vectors."""
    await make_corpus(service, [clustered_vectors(CHUNKS, seed) for seed in range(3)])
    corpus = await make_corpus(service, [clustered_vectors(CHUNKS, seed) for seed in range(DOCUMENTS)])
    await make_corpus(service, [clustered_vectors(CHUNKS, seed) for seed in range(3)])
    return corpus


@pytest.mark.parametrize("limit", [1, 10, 100])
@pytest.mark.parametrize("share", ["all", "a third", "one document"])
async def test_nearly_all_nearest_chunks_are_found(medium: Corpus, limit: int, share: str) -> None:
    body, left = narrowed(medium, share)
    matrix = np.array([chunk.vector for chunk in left], dtype=np.float32)
    hits = wanted = 0
    for query in clustered_vectors(20, 999).astype(np.float32):
        request = {"embedding": query.tolist(), "limit": limit, **body}
        found = ok(await medium.tenant.post("/search", json=request))
        assert found["lane"] == "bits"
        nearest = np.argsort(-(matrix @ query), kind="stable")[:limit]
        assert len(found["results"]) == len(nearest), "all results must be found if enough chunks exist"
        ids = {result["chunk_id"] for result in found["results"]}
        assert ids <= {chunk.id for chunk in left}
        hits += len(ids & {left[index].id for index in nearest})
        wanted += len(nearest)
    assert hits / wanted >= 0.98


def narrowed(corpus: Corpus, share: str) -> tuple[dict[str, Any], list[Any]]:
    """A filter, and the chunks that match it."""
    if share == "all":
        return {}, corpus.chunks
    if share == "a third":
        return {"metadata": {"topic": "sky"}}, corpus.of(lambda chunk: chunk.metadata["topic"] == "sky")
    first = corpus.document_ids[0]
    return {"document_ids": [first]}, corpus.of(lambda chunk: chunk.document_id == first)


@pytest.mark.parametrize("dimensions", [8, 100, 256, 384, 768, 1024, 1536, 3072])
def test_a_signature_distinguishes_near_from_far(dimensions: int) -> None:
    random = np.random.default_rng(3)
    one = random.standard_normal(dimensions)
    near, far = one + 0.2 * random.standard_normal(dimensions), -one
    bits = np.unpackbits(
        np.frombuffer(b"".join(signatures(np.stack([one, near, far]))), np.uint8).reshape(3, -1), axis=1
    )
    assert bits.shape[1] == signature_bits(dimensions)
    # The share of differing bits estimates the angle in half turns.
    assert (bits[0] != bits[1]).mean() < 0.15
    assert (bits[0] != bits[2]).mean() > 0.98
