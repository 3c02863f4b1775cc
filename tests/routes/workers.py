"""A worker whose steps a test controls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from svc.database.queries import Database, Transaction
from svc.ingest.chunk import TextChunk
from svc.ingest.job import Job
from svc.ingest.queue import Queue
from tests.conftest import Service

CHUNKS = [TextChunk(f"chunk {number}", 2, {}) for number in range(3)]
VECTORS = np.ones((3, 256), dtype=np.float16)


class PausedDatabase:
    """A database whose transactions wait for an event before they commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.stored = asyncio.Event()
        self.may_commit = asyncio.Event()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._database.transaction() as transaction:
            yield transaction
            self.stored.set()
            await self.may_commit.wait()


async def begun(service: Service) -> Job:
    """Claim and start the job of the only document in the queue, as a worker would."""
    queue = Queue(service.services.database, "test", 60)
    job = await queue.claim()
    assert job is not None
    assert await queue.start(job) is not None
    return job
