"""langchain-postgres in a separate process and environment, which does its own timing.

It pins an older pgvector package than Cabinet needs, so the two cannot be installed side by side.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import numpy as np

from bench.stores import Advance, Answer, Query, Store, Tenant

_SQL = Path(__file__).parents[1] / "sql" / "peers"
_PROGRAM = Path(__file__).with_name("langchain_process.py")
PYTHON = Path(__file__).parents[2] / ".venv-peers-langchain" / "bin" / "python"
# A plan or an answer is one line.
_LINE_BYTES = 2**24


class LangchainStore(Store):
    """A `PGVectorStore` with the tenant as a metadata column, on the same server as Cabinet."""

    name = "langchain-postgres"
    settings = ("defaults", "iterative scan, ef_search 200")

    def __init__(self, process: asyncio.subprocess.Process, url: str, queries: Sequence[Query]) -> None:
        self._process = process
        self._url = url
        self._places = {id(query): place for place, query in enumerate(queries)}

    async def load(self, tenant: Tenant) -> None:
        """Add the rows by `aadd_embeddings`."""
        await self.ask("load", tenant=tenant.name, first=tenant.first, count=len(tenant.vectors))

    async def build_indexes(self) -> bool:
        """The index on the tenant, the HNSW index with its defaults, and a vacuum."""
        connection = await asyncpg.connect(self._url)
        try:
            await connection.execute((_SQL / "langchain_tenant_index.sql").read_text())
            await self.ask("index")
            await connection.execute((_SQL / "vacuum.sql").read_text())
        finally:
            await connection.close()
        return True

    async def disk_bytes(self) -> int:
        """Bytes of its database."""
        connection = await asyncpg.connect(self._url)
        try:
            return int(await connection.fetchval((_SQL / "database_bytes.sql").read_text()))
        finally:
            await connection.close()

    async def search(self, setting: str, tenant: Tenant, query: Query) -> Sequence[int]:
        """Search."""
        return (await self.answer(setting, tenant, query)).numbers

    async def answer(self, setting: str, tenant: Tenant, query: Query) -> Answer:
        """Search, timed in its process, so that the communication between the processes does not count."""
        found = await self.ask("search", setting=setting, tenant=tenant.name, query=self._places[id(query)])
        return Answer(found["milliseconds"], found["numbers"])

    async def rate(self, setting: str, tenant: Tenant, queries: Sequence[Query], clients: int, seconds: float) -> float:
        """Searches per second, counted in its process."""
        rate = await self.ask("rate", setting=setting, tenant=tenant.name, clients=clients, seconds=seconds)
        return float(rate)

    async def plan(self, setting: str, tenant: Tenant, query: Query) -> str | None:
        """The plan of the statement that its search sends."""
        explain = (_SQL / "explain.sql").read_text()
        place = self._places[id(query)]
        return str(await self.ask("plan", setting=setting, tenant=tenant.name, query=place, explain=explain))

    async def ask(self, command: str, **arguments: Any) -> Any:
        """Send a command, wait for its result.

        Raises:
            RuntimeError: the process ended; its output contains the reason.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process of langchain-postgres ended")
        return json.loads(line)


@asynccontextmanager
async def langchain_store(
    server_url: str, folder: Path, dimensions: int, tenants: Sequence[Tenant], queries: Sequence[Query],
    advance: Advance,
) -> AsyncIterator[LangchainStore]:  # fmt: skip
    """langchain-postgres with all tenants, in a separate database on the server at `server_url`."""
    url = await _create_database(server_url)
    folder.mkdir()
    vectors, questions = folder / "vectors.npy", folder / "queries.npy"
    np.save(vectors, np.concatenate([tenant.vectors for tenant in tenants]))
    np.save(questions, np.stack([query.vector for query in queries]))
    # -P: modules beside the program must not hide the packages with the same names.
    process = await asyncio.create_subprocess_exec(
        str(PYTHON), "-P", str(_PROGRAM),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=_LINE_BYTES,
        env={**os.environ, "LANGSMITH_TRACING": "false"},
    )  # fmt: skip
    try:
        store = LangchainStore(process, url, queries)
        await store.ask("open", url=url, dimensions=dimensions, vectors=str(vectors), queries=str(questions))
        await store.fill(tenants, advance)
        yield store
    finally:
        await _stop(process)


async def _create_database(server_url: str) -> str:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute((_SQL / "create_database.sql").read_text())
    finally:
        await connection.close()
    return urlunsplit(urlsplit(server_url)._replace(path="/langchain"))


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End the process by closing its input, and kill it if that takes too long."""
    if process.returncode is None:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
