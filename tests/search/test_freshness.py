"""Searches during and after concurrent changes of documents find no deleted chunk and miss no stored one."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from svc.embedded.server import EmbeddedServer
from svc.errors import LeaseLostError
from svc.ingest.chunk import TextChunk
from svc.ingest.queue import Queue
from tests.conftest import Service, test_settings
from tests.lengths import length
from tests.routes.answers import done, ok
from tests.routes.tenants import Tenant, direct_connection, new_tenant, shared_service
from tests.search.properties import LANES, LEAST_RECALL, NO_OTHER_PLAN, Lane, give_indexes
from tests.search.test_bits import clustered_vectors

CHANGES = length(240, 1000)
FIRST_DOCUMENTS = 20
TOPICS = ["sea", "sky", "land"]
_seeds = itertools.count(10_000)


@dataclass
class Known:
    """A document as last reported by answers; `topic` is None during a change."""

    vectors: NDArray[np.float16]
    topic: str | None
    version: int = 0


@dataclass
class Drawer:
    """A tenant on one lane, with the documents that must be found (`present`) and must not be found (`gone`)."""

    tenant: Tenant
    lane: Lane
    random: random.Random
    present: dict[str, Known] = field(default_factory=dict, repr=False)
    gone: set[str] = field(default_factory=set, repr=False)
    searches: int = 0

    async def upload(self) -> str:
        """Upload a document; the text says which vectors the worker stores."""
        count, topic = self.random.randint(1, 8), self.random.choice(TOPICS)
        document = await self.tenant.upload("a.txt", f"{count} {next(_seeds)}", topic=topic)
        return str(document["id"])

    async def search(self, query: NDArray[np.float32], limit: int, **filters: Any) -> list[dict[str, Any]]:
        """The results on this tenant's lane."""
        body = {"embedding": query.tolist(), "limit": limit, **filters}
        found = ok(await self.tenant.post("/search", json={**body, **({"recall": "exact"} if self.is_exact else {})}))
        if not filters and len(found["results"]) == limit:
            assert found["lane"] == self.lane
        return list(found["results"])

    @property
    def is_exact(self) -> bool:
        """Whether the lane must find everything."""
        return self.lane == "exact"


class Storing:
    """Two workers without parser and model, which store the vectors that a document's text names."""

    def __init__(self, service: Service) -> None:
        self._queue = Queue(service.services.database, "test", 60)
        self._stored: dict[str, asyncio.Future[NDArray[np.float16]]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the workers during the block."""
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._work()) for _ in range(2)]
            yield
            for worker in workers:
                worker.cancel()

    def stored(self, document_id: str) -> asyncio.Future[NDArray[np.float16]]:
        """Wait until the vectors of a document are stored, and return them."""
        return self._stored.setdefault(document_id, asyncio.get_running_loop().create_future())

    async def _work(self) -> None:
        while True:
            job = await self._queue.claim()
            upload = await self._queue.start(job) if job is not None else None
            if job is None or upload is None:
                await asyncio.sleep(0.005)
                continue
            count, seed = map(int, upload.content.split())
            vectors = clustered_vectors(count, seed)
            try:
                await self._queue.store(job, [TextChunk(f"{seed}, {n}", 2, {}) for n in range(count)], vectors)
            except LeaseLostError:
                continue  # It was deleted meanwhile.
            self.stored(str(job.document_id)).set_result(vectors)


@pytest_asyncio.fixture(scope="module")
async def service(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service with the lane of the test, whose workers are simulated by the test."""
    settings = test_settings(worker_concurrency=0, exact_max_rows=0, key_cache_s=0, pool_size=8)
    async with shared_service(server, template, "shared_freshness", settings, **NO_OTHER_PLAN) as service:
        yield service


@pytest_asyncio.fixture(scope="module")
async def changed(service: Service) -> dict[Lane, Drawer]:
    """A tenant on each lane after many changes, during which searches ran and were checked."""
    drawers = [Drawer(await new_tenant(service), lane, random.Random(lane)) for lane in LANES]
    storing = Storing(service)
    async with storing.running():
        for drawer in drawers:
            for _ in range(FIRST_DOCUMENTS):
                await add(drawer, storing)
        await give_indexes(service, [drawer.tenant.id for drawer in drawers if drawer.lane == "index"])
        changing = [change(drawer, storing, CHANGES // len(LANES) + 1) for drawer in drawers]
        is_over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for drawer in drawers:
                group.create_task(keep_searching(drawer, is_over))
            vacuuming = group.create_task(keep_vacuuming(service, is_over))
            await asyncio.gather(*changing)
            is_over.set()
        assert vacuuming.result() > 1, "the changes ended before a vacuum"
    return {drawer.lane: drawer for drawer in drawers}


async def add(drawer: Drawer, storing: Storing) -> None:
    """Upload a document, and record it when it is stored."""
    document_id = await drawer.upload()
    vectors = await storing.stored(document_id)
    document = ok(await drawer.tenant.get(f"/documents/{document_id}"))
    assert (document["status"], document["chunk_count"]) == ("ready", len(vectors))
    drawer.present[document_id] = Known(vectors, document["metadata"]["topic"])


async def remove(drawer: Drawer, storing: Storing) -> None:
    """Delete a document. Between the request and its answer, it may be found or not."""
    document_id = drawer.random.choice(sorted(drawer.present))
    del drawer.present[document_id]
    done(await drawer.tenant.delete(f"/documents/{document_id}"))
    drawer.gone.add(document_id)


async def replace(drawer: Drawer, storing: Storing) -> None:
    """Delete a document and upload another: a new version of a file."""
    await remove(drawer, storing)
    await add(drawer, storing)


async def retag(drawer: Drawer, storing: Storing) -> None:
    """Change the topic of a document."""
    document_id = drawer.random.choice(sorted(drawer.present))
    known, topic = drawer.present[document_id], drawer.random.choice(TOPICS)
    known.topic = None
    ok(await drawer.tenant.patch(f"/documents/{document_id}", json={"metadata": {"topic": topic}}))
    known.topic, known.version = topic, known.version + 1


async def withdraw(drawer: Drawer, storing: Storing) -> None:
    """Delete a document while it is being stored, or just before or after."""
    document_id = await drawer.upload()
    await asyncio.sleep(drawer.random.uniform(0, 0.03))
    done(await drawer.tenant.delete(f"/documents/{document_id}"))
    drawer.gone.add(document_id)


CHANGING: list[tuple[Callable[[Drawer, Storing], Any], int, int]] = [
    # The change, its weight, and the number of changes that it counts as.
    (add, 36, 1), (remove, 26, 1), (replace, 10, 2), (retag, 20, 1), (withdraw, 8, 2),
]  # fmt: skip


async def change(drawer: Drawer, storing: Storing, count: int) -> None:
    """Make this many changes in sequence."""
    while count > 0:
        ((step, _, cost),) = drawer.random.choices(CHANGING, [weight for _, weight, _ in CHANGING])
        await step(drawer, storing)
        count -= cost


async def keep_searching(drawer: Drawer, is_over: asyncio.Event) -> None:
    """Search until the changes end, and check each answer against the state that was constant during its search."""
    queries = itertools.cycle(clustered_vectors(50, 999).astype(np.float32))
    while not is_over.is_set():
        topic = drawer.random.choice([None, *TOPICS])
        filters = {} if topic is None else {"metadata": {"topic": topic}}
        limit = drawer.random.choice([1, 10, 50, 100])
        gone = set(drawer.gone)
        before = {name: (known.version, known.topic) for name, known in drawer.present.items()}
        results = await drawer.search(next(queries), limit, **filters)
        unchanged = {
            name: known
            for name, known in drawer.present.items()
            if before.get(name) == (known.version, known.topic) and known.topic is not None
        }
        there = sum(len(known.vectors) for known in unchanged.values() if topic in (None, known.topic))
        assert len(results) >= min(limit, there), f"{len(results)} of {limit} rows, although {there} exist"
        for result in results:
            assert result["document_id"] not in gone, "it was deleted before the search began"
            known = unchanged.get(result["document_id"])
            assert known is None or topic in (None, known.topic), "the filter excluded it during the whole search"
        drawer.searches += 1
        await asyncio.sleep(0.03)


async def keep_vacuuming(service: Service, is_over: asyncio.Event) -> int:
    """Vacuum at intervals, which removes dead rows from the indexes; returns the number of runs."""
    async with direct_connection(service) as connection:
        for count in itertools.count(1):
            await connection.execute("vacuum chunk_vectors")
            try:
                await asyncio.wait_for(is_over.wait(), 0.3)
            except TimeoutError:
                continue
            return count
    raise AssertionError("unreachable")


@pytest.mark.parametrize("lane", LANES)
async def test_searches_ran_during_all_changes(changed: dict[Lane, Drawer], lane: Lane) -> None:
    assert changed[lane].searches > CHANGES / 20
    assert len(changed[lane].gone) > CHANGES / 20


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("topic", [None, "sky"])
async def test_nearly_all_chunks_are_found_after_all_changes(
    changed: dict[Lane, Drawer], lane: Lane, topic: str | None
) -> None:
    """The vectors of all documents, including the newest, are queries."""
    drawer = changed[lane]
    left = {name: known.vectors for name, known in drawer.present.items() if topic in (None, known.topic)}
    matrix = np.concatenate([*left.values()]).astype(np.float64)
    newest = np.concatenate([*left.values()][-5:])
    filters = {} if topic is None else {"metadata": {"topic": topic}}
    hits = wanted = 0
    for query in np.concatenate([clustered_vectors(40, 998), newest]).astype(np.float32):
        for limit in (10, 100):
            results = await drawer.search(query, limit, **filters)
            assert len(results) == min(limit, len(matrix))
            for result in results:
                assert result["chunk_index"] < len(left[result["document_id"]])
            nearest = np.sort(1 - matrix @ query / np.linalg.norm(matrix, axis=1) / np.linalg.norm(query))[:limit]
            hits += sum(result["distance"] <= nearest[-1] + 1e-5 for result in results)
            wanted += len(nearest)
    assert hits / wanted >= (1 if drawer.is_exact else LEAST_RECALL)


async def test_the_counts_of_each_tenant_are_right(changed: dict[Lane, Drawer], service: Service) -> None:
    async with direct_connection(service) as connection:
        for drawer in changed.values():
            there = sum(len(known.vectors) for known in drawer.present.values())
            counts = await connection.fetchrow(
                "select (select chunk_count from tenant_totals where user_id = $1),"
                " (select count(*) from chunk_vectors where user_id = $1),"
                " (select count(*) from chunks where user_id = $1),"
                " (select sum(chunk_count) from documents where user_id = $1)",
                UUID(drawer.tenant.id),
            )
            assert tuple(counts) == (there, there, there, there)
            rows = await connection.fetch(
                "select distinct document_id::text from chunk_vectors where user_id = $1", UUID(drawer.tenant.id)
            )
            assert {row[0] for row in rows} == drawer.present.keys()
        assert await connection.fetchval("select count(*) from ingestion_jobs") == 0
