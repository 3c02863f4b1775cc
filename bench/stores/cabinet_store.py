"""Cabinet: `run_search` on the service's own pool, and `POST /search` of a real `cabinet serve`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import numpy as np

from bench.servers import benchmark_connection, benchmark_database, benchmark_settings
from bench.service import cabinet_service
from bench.stores import LIMIT, Advance, Query, Store, Tenant
from bench.stores.http_client import HttpClient
from svc.calibration.tenants import MadeUpTenant, create_tenant
from svc.database.by_name import UntypedRow, bind
from svc.database.queries import Database
from svc.search.filters import Filters
from svc.search.index_plan import planned_steps
from svc.search.lanes import Search, TenantSize, choose_lane, run_search
from svc.search.own_indexes import IndexBuilder
from svc.settings import Settings

STATEMENT, HTTP = "statement", "http"
_SQL = Path(__file__).parents[1] / "sql" / "peers"


class CabinetStore(Store):
    """Every tenant in one table; a tenant of `index_min_rows` or more has an index of their own.

    `statement` is the search's function up to its rows, over asyncpg and a Unix socket; `http` is the whole service.
    """

    name = "Cabinet"
    settings = (STATEMENT, HTTP)

    def __init__(self, database: Database, settings: Settings, url: str) -> None:
        self._database = database
        self._settings = settings
        self._url = url
        self._tenants: dict[str, MadeUpTenant] = {}
        self._numbers: dict[UUID, int] = {}
        self._clients: dict[str, HttpClient] = {}

    async def fill(self, tenants: Sequence[Tenant], advance: Advance) -> None:
        """Load and index like the other stores, and then match chunks with rows, which is not timed."""
        await super().fill(tenants, advance)
        for tenant in tenants:
            await self._learn_numbers(tenant)

    async def load(self, tenant: Tenant) -> None:
        """Store the rows like a worker."""
        stored = 0

        def next_vectors(count: int) -> Any:
            nonlocal stored
            stored += count
            return tenant.vectors[stored - count : stored]

        self._tenants[tenant.name] = await create_tenant(self._database, tenant.name, len(tenant.vectors), next_vectors)

    async def build_indexes(self) -> bool:
        """Vacuum, as autovacuum does soon after an ingestion, and build indexes like `cabinet index apply`."""
        async with benchmark_connection(self._url, self._settings) as connection:
            await connection.execute((_SQL / "vacuum.sql").read_text())
        builder = await IndexBuilder.open(self._url, self._database.statements)
        try:
            for step in await planned_steps(self._database, self._settings.index_min_rows):
                await builder.apply(step)
        finally:
            await builder.close()
        return True

    async def disk_bytes(self) -> int:
        """Bytes of the database."""
        async with benchmark_connection(self._url, self._settings) as connection:
            return int(await connection.fetchval((_SQL / "database_bytes.sql").read_text()))

    async def search(self, setting: str, tenant: Tenant, query: Query) -> Sequence[int]:
        """Search in the lane that the service selects."""
        if setting == STATEMENT:
            found = await run_search(
                self._database, self._search(tenant, query), self._size(tenant), self._settings.exact_rows
            )
            return [self._numbers[row.chunk_id] for row in found.rows]
        body = {"embedding": query.numbers, "limit": LIMIT}
        answer = await self._clients[tenant.name].post("/search", body)
        return [self._numbers[UUID(result["chunk_id"])] for result in answer["results"]]

    async def plan(self, setting: str, tenant: Tenant, query: Query) -> str | None:
        """The plan of the statement, which is the same over HTTP."""
        if setting != STATEMENT:
            return None
        recorder = _Recorder()
        await run_search(
            cast(Database, recorder), self._search(tenant, query), self._size(tenant), self._settings.exact_rows
        )
        name, arguments = recorder.calls[0]
        statement = self._database.statements[name]
        async with benchmark_connection(self._url, self._settings) as connection:
            rows = await connection.fetch(
                (_SQL / "explain.sql").read_text() + statement.text, *bind(statement, arguments)
            )
        return "\n".join(row[0] for row in rows)

    def lane(self, tenant: Tenant) -> str:
        """The lane that a search of this tenant takes."""
        any_query = Query(np.zeros(1, np.float32), [])
        return choose_lane(self._search(tenant, any_query), self._size(tenant), self._settings.exact_rows)

    def serve(self, url: str) -> None:
        """Set the URL of `cabinet serve`."""
        for name, tenant in self._tenants.items():
            self._clients[name] = HttpClient(url, {"Authorization": f"Bearer {tenant.key}"})

    def close(self) -> None:
        """Close the connections to the service."""
        for client in self._clients.values():
            client.close()

    def _search(self, tenant: Tenant, query: Query) -> Search:
        user_id = self._tenants[tenant.name].user_id
        return Search(user_id, query.vector, LIMIT, "cosine", None, Filters())

    def _size(self, tenant: Tenant) -> TenantSize:
        count = len(tenant.vectors)
        return TenantSize(count, count >= self._settings.index_min_rows)

    async def _learn_numbers(self, tenant: Tenant) -> None:
        """Match the stored halfvecs, which are rounded vectors, with their rows."""
        rounded = tenant.vectors.astype(np.float16)
        numbers = {vector.tobytes(): number for vector, number in zip(rounded, tenant.numbers, strict=True)}
        async with benchmark_connection(self._url, self._settings) as connection:
            rows = await connection.fetch((_SQL / "tenant_vectors.sql").read_text(), self._tenants[tenant.name].user_id)
        assert len(rows) == len(numbers), f"{tenant.name} has {len(rows)} vectors, not {len(numbers)}"
        for row in rows:
            vector = row["embedding"].to_numpy().astype(np.float16)
            self._numbers[row["chunk_id"]] = numbers[vector.tobytes()]


class _Recorder:
    """A fake database that records the calls of a search."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    async def many(self, name: str, /, **arguments: Any) -> Sequence[UntypedRow]:
        """Record the call; return no rows."""
        self.calls.append((name, arguments))
        return []


@asynccontextmanager
async def cabinet_store(
    url: str, dimensions: int, clients: int, tenants: Sequence[Tenant], advance: Advance
) -> AsyncIterator[CabinetStore]:
    """Cabinet with all tenants, and its server running."""
    settings = benchmark_settings(dimensions, pool_size=clients)
    async with benchmark_database(url, settings) as database:
        store = CabinetStore(database, settings, url)
        await store.fill(tenants, advance)
        async with cabinet_service(url, dimensions, log_level="warning", key_cache_s="60") as service:
            store.serve(service.url)
            try:
                yield store
            finally:
                store.close()
