"""An embedding endpoint for the test, and a database with the model of the endpoint."""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import pytest
import pytest_asyncio

from tests.embedding_endpoint import EmbeddingEndpoint

DIMENSIONS = 256


@pytest.fixture
def endpoint() -> Iterator[EmbeddingEndpoint]:
    """A fresh embedding endpoint."""
    with EmbeddingEndpoint(dimensions=DIMENSIONS) as endpoint:
        yield endpoint


@pytest_asyncio.fixture
async def model_of_test(database_url: str) -> None:
    """Record the endpoint's model instead of the local one; both have the same number of dimensions."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("update embedding_model set model = 'test-model'")
    await connection.close()
