"""The process of `langchain_store.py`: JSON commands from stdin, results to stdout, one per line.

It runs in an environment with langchain-postgres and without Cabinet, so it imports neither `bench` nor `svc`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from langchain_core.embeddings import FakeEmbeddings
from langchain_postgres import Column, PGEngine, PGVectorStore
from langchain_postgres.v2.indexes import HNSWIndex
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

TABLE = "chunks"
LIMIT = 10
CHUNKS_A_DOCUMENT = 20
BATCH = 100
POOL = 8
# For building the index, the same as for Cabinet's indexes; pgvector's README recommends raising it.
_MEMORY = {"maintenance_work_mem": "1GB"}
# The commands at the start of a session, by setting.
SETTINGS = {
    "defaults": _MEMORY,
    "iterative scan, ef_search 200": {**_MEMORY, "hnsw.iterative_scan": "strict_order", "hnsw.ef_search": "200"},
}


class Stores:
    """A `PGVectorStore` for each setting, on one table."""

    def __init__(self) -> None:
        self._engines: dict[str, Any] = {}
        self._stores: dict[str, Any] = {}
        self._vectors: Any = None
        self._queries: list[list[float]] = []
        self._sent: tuple[str, Any] = ("", ())

    async def open(self, url: str, dimensions: int, vectors: str, queries: str) -> None:
        """Create the table and connect; `vectors` and `queries` are files of arrays."""
        self._vectors = np.load(vectors, mmap_mode="r")
        self._queries = np.load(queries).tolist()
        for setting, session in SETTINGS.items():
            engine = create_async_engine(
                url.replace("postgresql://", "postgresql+asyncpg://", 1),
                pool_size=POOL, connect_args={"server_settings": session},
            )  # fmt: skip
            event.listen(engine.sync_engine, "before_cursor_execute", self._note)
            self._engines[setting] = engine
            wrapped = PGEngine.from_engine(engine)
            if not self._stores:
                await wrapped.ainit_vectorstore_table(
                    TABLE, dimensions, store_metadata=False,
                    metadata_columns=[Column("tenant", "TEXT"), Column("document", "INTEGER")],
                )  # fmt: skip
            self._stores[setting] = await PGVectorStore.create(
                wrapped, FakeEmbeddings(size=dimensions), TABLE,
                metadata_columns=["tenant", "document"], metadata_json_column=None, k=LIMIT,
            )  # fmt: skip

    async def load(self, tenant: str, first: int, count: int) -> None:
        """Add the rows of a tenant, one batch on each connection of the pool.

        Each row is a separate transaction; sequentially, they would mostly wait for the disk.
        """
        batches = iter(range(first, first + count, BATCH))
        await asyncio.gather(*(self._load_batches(tenant, batches, first + count) for _ in range(POOL)))

    async def _load_batches(self, tenant: str, batches: Iterator[int], end: int) -> None:
        for start in batches:
            numbers = range(start, min(start + BATCH, end))
            await self._stores["defaults"].aadd_embeddings(
                texts=[f"The text of the made-up chunk {UUID(int=number)}. " * 16 for number in numbers],
                embeddings=self._vectors[numbers.start : numbers.stop].tolist(),
                metadatas=[{"tenant": tenant, "document": number // CHUNKS_A_DOCUMENT} for number in numbers],
                ids=[str(UUID(int=number)) for number in numbers],
            )

    async def index(self) -> None:
        """Build the HNSW index."""
        await self._stores["defaults"].aapply_vector_index(HNSWIndex())

    async def search(self, setting: str, tenant: str, query: int) -> dict[str, Any]:
        """Search, timed."""
        started = time.perf_counter()
        numbers = await self._search(setting, tenant, self._queries[query])
        return {"milliseconds": (time.perf_counter() - started) * 1000, "numbers": numbers}

    async def rate(self, setting: str, tenant: str, clients: int, seconds: float) -> float:
        """Searches per second with this number of clients."""
        started = time.perf_counter()
        finished = await asyncio.gather(
            *(self._client(setting, tenant, client, started + seconds) for client in range(clients))
        )
        return sum(finished) / (time.perf_counter() - started)

    async def plan(self, setting: str, tenant: str, query: int, explain: str) -> str:
        """The plan of the statement that a search sends."""
        await self._search(setting, tenant, self._queries[query])
        statement, parameters = self._sent
        async with self._engines[setting].connect() as connection:
            rows = await connection.exec_driver_sql(explain + statement, parameters)
            return "\n".join(row[0] for row in rows)

    async def _client(self, setting: str, tenant: str, first: int, until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            await self._search(setting, tenant, self._queries[(first + count) % len(self._queries)])
            count += 1
        return count

    async def _search(self, setting: str, tenant: str, embedding: Sequence[float]) -> list[int]:
        documents = await self._stores[setting].asimilarity_search_by_vector(
            embedding, k=LIMIT, filter={"tenant": {"$eq": tenant}}
        )
        return [UUID(document.id).int for document in documents]

    def _note(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        self._sent = (statement, parameters)


async def main() -> None:
    """Answer commands until the input ends."""
    # The output of libraries must not be mixed with the results.
    results = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    stores = Stores()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        message = json.loads(line)
        result = await getattr(stores, message.pop("command"))(**message)
        print(json.dumps(result), file=results, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
