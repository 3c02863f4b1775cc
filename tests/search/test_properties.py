"""Random searches on every lane, compared with NumPy: no foreign, wrong or missing results."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from tests.conftest import PATIENCE_S, test_settings
from tests.lengths import length
from tests.routes.tenants import Tenant, direct_connection, shared_service
from tests.search.corpus import DIMENSIONS
from tests.search.properties import (
    LANES,
    LEAST_RECALL,
    NO_OTHER_PLAN,
    STRUCTURES,
    Drawn,
    Lane,
    Tally,
    Twins,
    Written,
    ask,
    compare,
    make_twins,
)

EXAMPLES = length(240, 400)
# The recall of twenty searches varies by 0.01, and Hypothesis draws others when a constant of the code changes.
CHANCE = length(0.06, 0.015)


@pytest_asyncio.fixture(scope="module")
async def twins(server: EmbeddedServer, template: str) -> AsyncIterator[dict[str, Twins]]:
    """Twins for each structure, on which searches take the lane of the test."""
    settings = test_settings(worker_concurrency=0, exact_max_rows=0, key_cache_s=0)
    async with shared_service(server, template, "shared_properties", settings, **NO_OTHER_PLAN) as service:
        yield await make_twins(service)


@pytest_asyncio.fixture
async def loop() -> asyncio.AbstractEventLoop:
    """The event loop that all tests share, for a test that is not a coroutine."""
    return asyncio.get_running_loop()


@pytest.mark.parametrize("lane", LANES)
def test_a_search_finds_what_numpy_finds(twins: dict[str, Twins], loop: asyncio.AbstractEventLoop, lane: Lane) -> None:
    tally = compare(loop.run_until_complete, twins, lane, examples=EXAMPLES)
    assert tally.lanes[lane] >= EXAMPLES / 10, f"or these searches tell little about this lane: {tally.lanes}"
    if lane != "exact":
        recalls = tally.recalls()
        assert recalls.keys() == STRUCTURES.keys()
        assert all(recall >= LEAST_RECALL - CHANCE for recall in recalls.values()), recalls
    if lane == "index":
        loop.run_until_complete(seen_scanned(twins["clustered"].with_index.tenant))


async def seen_scanned(tenant: Tenant) -> None:
    """Check that the searches used the tenant's index, since another plan would also find everything."""
    deadline = time.monotonic() + PATIENCE_S
    async with direct_connection(tenant.service) as connection:
        while not await connection.fetchval(
            "select idx_scan from pg_stat_user_indexes where indexrelname = 'chunk_vectors_hnsw_' || $1",
            tenant.id.replace("-", ""),
        ):
            # A session reports its reads once a second, and only while it is active.
            assert time.monotonic() < deadline, "the index was never read"
            await asyncio.sleep(0.3)
            await tenant.post("/search", json={"embedding": [1.0] * DIMENSIONS})


@pytest.mark.parametrize("lane", LANES)
async def test_near_ties_are_in_order(twins: dict[str, Twins], lane: Lane) -> None:
    """The index compares normalised and rounded vectors, so the order of its results is only approximate."""
    components = [-2.0, 1.0, 0.0, 2.0, 1.0, 2.0, -1.0, 1.0, -2.0, 2.0]
    query = Written((*components, *[0.0] * (DIMENSIONS - len(components))))
    await ask(twins, lane, Drawn(structure="repeated", query=query, limit=100), Tally())
