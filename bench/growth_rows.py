"""The tables of `bench.growth`: the measured tenants, and all others, which are added later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.seed_stack.application import create_engine
from bench.seed_stack.models import Base, DocumentChunk, use_dimensions
from bench.servers import benchmark_connection, benchmark_database
from svc.calibration.synthetic import synthetic_vectors
from svc.calibration.tenants import MadeUpTenant, create_tenant
from svc.search.index_plan import planned_steps
from svc.search.own_indexes import IndexBuilder
from svc.settings import Settings

SQL = Path(__file__).parent / "sql"
MESSAGES = 200
"""Messages of every conversation; a tenant has as many messages as vectors, and at least one conversation."""
SEED_SCHEMA = "seed"
_OTHERS_SIZE = 4_000
_SEED_TABLES = ("users", "documents", "chunks", "conversations", "messages")


@dataclass(frozen=True)
class Sizes:
    """The size of a database: rows of each kind, and total bytes."""

    vectors: int
    messages: int
    size_bytes: int


class Tables:
    """One database with Cabinet's tables and, on request, the same rows in the ORM's tables in a separate schema."""

    def __init__(self, url: str, settings: Settings, *, with_seed: bool) -> None:
        self.url = url
        self._settings = settings
        self._with_seed = with_seed
        self._seeds: Iterator[int] = iter(range(1, 1_000_000))
        self._others = 0
        self._rows = 0

    async def create(self, sizes: Sequence[int], advance: Callable[[int], None]) -> list[MadeUpTenant]:
        """Create the tables and the measured tenants, with the indexes that the service plans."""
        tenants = []
        async with benchmark_database(self.url, self._settings) as database:
            if self._with_seed:
                await self._create_seed_tables()
            for size in sizes:
                tenants.append(await self._tenant(database, f"asked-{size}", size, advance))
            builder = await IndexBuilder.open(self.url, database.statements)
            try:
                for change in await planned_steps(database, self._settings.index_min_rows):
                    await builder.apply(change)
            finally:
                await builder.close()
        await self._complete(tenants)
        return tenants

    async def grow(self, rows: int, advance: Callable[[int], None]) -> Sizes:
        """Add other tenants up to this number of vectors; then vacuum, analyze, and run a checkpoint."""
        others = []
        async with benchmark_database(self.url, self._settings) as database:
            while self._rows < rows:
                self._others += 1
                size = min(_OTHERS_SIZE, rows - self._rows)
                others.append(await self._tenant(database, f"other-{self._others}", size, advance))
        await self._complete(others)
        async with benchmark_connection(self.url, self._settings) as connection:
            await connection.execute((SQL / "vacuum.sql").read_text())
            # Otherwise the pages would be written while statements are timed.
            await connection.execute((SQL / "checkpoint.sql").read_text())
            row = await connection.fetchrow(growth_sql("sizes"))
        return Sizes(row["vectors"], row["messages"], row["bytes"])

    async def copy(self) -> str:
        """Copy the database with its indexes; return the URL of the copy. No session may be connected to it."""
        connection = await asyncpg.connect(_database_url(self.url, "postgres"))
        try:
            await connection.execute(growth_sql("copy_database"))
        finally:
            await connection.close()
        url = _database_url(self.url, "at_first_size")
        async with benchmark_connection(url, self._settings) as connection:
            await connection.execute((SQL / "vacuum.sql").read_text())
        return url

    async def _tenant(
        self, database: Any, name: str, size: int, advance: Callable[[int], None]
    ) -> MadeUpTenant:  # fmt: skip
        self._rows += size
        dimensions = self._settings.dimensions
        return await create_tenant(
            database, name, size, lambda count: synthetic_vectors(count, dimensions, next(self._seeds)), advance
        )

    async def _create_seed_tables(self) -> None:
        use_dimensions(self._settings.dimensions)
        async with benchmark_connection(self.url, self._settings) as connection:
            await connection.execute(growth_sql("seed_schema"))
        async with seed_engine(self.url) as engine, engine.begin() as transaction:
            await transaction.run_sync(Base.metadata.create_all)
            # The query cannot use the index, and building it would take longer than the rest of the benchmark.
            (hnsw,) = DocumentChunk.__table__.indexes
            await transaction.run_sync(hnsw.drop)

    async def _complete(self, tenants: Sequence[MadeUpTenant]) -> None:
        """Create the conversations of tenants, and copy all their rows into the ORM's tables."""
        async with benchmark_connection(self.url, self._settings) as connection:
            for tenant in tenants:
                count = max(1, tenant.size // MESSAGES)
                await connection.execute(growth_sql("conversations"), [tenant.user_id], count, MESSAGES)
            if self._with_seed:
                for table in _SEED_TABLES:
                    for tenant in tenants:
                        await connection.execute(growth_sql(f"seed_{table}"), [tenant.user_id])


@asynccontextmanager
async def seed_engine(url: str, schema: str = SEED_SCHEMA) -> AsyncIterator[AsyncEngine]:
    """An engine of the ORM stack for its tables in `schema`."""
    engine = create_engine(url)
    try:
        yield engine.execution_options(schema_translate_map={None: schema})
    finally:
        await engine.dispose()


async def first_conversation(connection: Any, user_id: UUID) -> UUID:
    """The conversation that is queried."""
    conversation: UUID = await connection.fetchval(growth_sql("conversation"), user_id)
    return conversation


def growth_sql(name: str) -> str:
    """A statement of `bench/sql/growth/`."""
    return (SQL / "growth" / f"{name}.sql").read_text()


def _database_url(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
