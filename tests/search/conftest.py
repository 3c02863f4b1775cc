"""A service without a worker, shared by the tests of the search, with two tenants of 360 chunks each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from tests.conftest import Service, test_settings
from tests.routes.tenants import shared_service
from tests.search.corpus import Corpus, make_corpus, random_vectors

DOCUMENTS = 6
CHUNKS = 60


@pytest_asyncio.fixture(scope="session")
async def searching(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """The service, on which every tenant takes the exact lane."""
    async with shared_service(server, template, "shared_search", test_settings(worker_concurrency=0)) as service:
        yield service


@pytest_asyncio.fixture(scope="session")
async def corpus(searching: Service) -> Corpus:
    """The tenant who searches."""
    return await make_corpus(searching, [random_vectors(CHUNKS, seed) for seed in range(DOCUMENTS)])


@pytest_asyncio.fixture(scope="session")
async def tempting(searching: Service, corpus: Corpus) -> Corpus:
    """Another tenant, with the same vectors and those of the queries themselves."""
    vectors = [np.concatenate([random_vectors(CHUNKS, seed), random_vectors(8, 1000)]) for seed in range(DOCUMENTS)]
    return await make_corpus(searching, vectors)


@pytest_asyncio.fixture(scope="session")
async def queries(corpus: Corpus, tempting: Corpus) -> list[list[float]]:
    """Embeddings to search with, after both tenants were created."""
    assert len(tempting.chunks) > len(corpus.chunks)
    return [[float(component) for component in vector] for vector in random_vectors(8, 1000)]
