"""The first half of `bench.ingest`: rows per second into filled tables, for each variant."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from bench.http_rows import seed_database
from bench.machine import describe_machine
from bench.plans import explain
from bench.progress import step
from bench.seed_stack.application import create_engine
from bench.seed_stack.models import Document, DocumentChunk
from bench.servers import benchmark_connection, benchmark_database, benchmark_server, benchmark_settings
from svc.calibration.synthetic import synthetic_vectors
from svc.calibration.tenants import MadeUpTenant, create_tenant
from svc.calibration.timing import Times, interleaved
from svc.database.by_name import bind
from svc.database.queries import Database
from svc.ingest.chunk import TextChunk, content_hash
from svc.ingest.job import Job
from svc.ingest.queue import Queue
from svc.search.index_plan import planned_steps
from svc.search.own_indexes import IndexBuilder
from svc.settings import Settings
from svc.vectors.signatures import signatures

SQL = Path(__file__).parent / "sql"
CABINET, CABINET_INDEXED = "Cabinet", "Cabinet, tenant with an HNSW index"
ORM, ORM_PLAIN, BARE = "SQLAlchemy, HNSW over all", "SQLAlchemy, no HNSW", "COPY, no index, no key"
WARM_UP = 1
_LEASE_S = 3600.0
# The threads of NumPy's matrix library spin for a short time after their work, which would slow the next variant.
_REST_S = 0.2
# No variant is ever omitted: all must have stored the same rows at the end.
_NO_LIMIT_S = 1e9


@dataclass(frozen=True)
class RowOptions:
    """The tables contain `held` rows at the start; a round stores one document of `chunks` chunks in every variant."""

    dimensions: int
    held: int
    chunks: int
    rounds: int


@dataclass(frozen=True)
class StoredRows:
    """Milliseconds for a document for each variant, the rows that it stored, and the plans of the statements."""

    times: Mapping[str, Times]
    row_counts: Mapping[str, int]
    plans: Mapping[str, str]
    machine: str


class Material:
    """The document of a round in the forms for the variants, generated between the rounds.

    The vectors have the form in which a provider returns them: for Cabinet an array in half precision, as in a worker;
    for the ORM lists of numbers.
    """

    def __init__(self, options: RowOptions) -> None:
        self._options = options
        self._number = 0
        self.chunks: list[TextChunk] = []
        self.halves: NDArray[np.float16] = np.empty((0, options.dimensions), dtype=np.float16)
        self.signatures: Sequence[bytes] = []
        self.lists: list[list[float]] = []
        self.ids: list[UUID] = []
        self.advance()

    def advance(self) -> None:
        """Generate the next document."""
        self._number += 1
        count = self._options.chunks
        vectors = synthetic_vectors(count, self._options.dimensions, 500_000 + self._number)
        self.chunks = [
            TextChunk(f"Chunk {index} of document {self._number}, which says nothing. " * 16, 200, {})
            for index in range(count)
        ]
        self.halves = vectors.astype(np.float16)
        self.signatures = signatures(self.halves)
        self.lists = [row.tolist() for row in vectors]
        self.ids = [uuid4() for _ in range(count)]


@dataclass(frozen=True)
class _Places:
    """The databases and users of the variants."""

    database: Database
    bare: Any
    engines: Mapping[str, AsyncEngine]
    tenants: Mapping[str, MadeUpTenant]


async def store_rows(options: RowOptions, memory_mb: int, progress: Progress) -> StoredRows:
    """Measure every variant.

    Raises:
        AssertionError: the variants did not store the same rows.
    """
    settings = benchmark_settings(options.dimensions)
    rounds = options.rounds + WARM_UP
    async with (
        benchmark_server(memory_mb=memory_mb) as url,
        benchmark_database(url, settings) as database,
        _places(url, settings, database, options, progress) as places,
    ):
        material = Material(options)
        documents = await _documents(places, rounds)
        task = progress.add_task("storing", total=rounds)

        def advance() -> None:
            step(progress, task)
            material.advance()
            time.sleep(_REST_S)

        variants = _variants(places, material, documents)
        times = await interleaved(
            variants, options.rounds, warm_up=WARM_UP, limit_s=_NO_LIMIT_S, advance=advance
        )  # fmt: skip
        ids = {name: [job.document_id for job in jobs] for name, jobs in documents.items()}
        found = await _stored(places, ids)
        machine = await describe_machine(places.bare)
        plans = await _plans(places, material, ids)
    row_counts = {name: row["row_count"] for name, row in found.items()}
    hashes = {name: row["hash"] for name, row in found.items()}
    assert set(row_counts.values()) == {rounds * options.chunks}, row_counts
    assert len(set(hashes.values())) == 1, hashes
    return StoredRows(times, row_counts, plans, machine)


@asynccontextmanager
async def _places(
    url: str, settings: Settings, database: Database, options: RowOptions, progress: Progress
) -> AsyncIterator[_Places]:
    """Create tables with `held` rows, half of which belong to a tenant with an index of their own, as large tenants
    have, and the same rows in the ORM's tables, with and without the HNSW index over all rows.
    """
    tenants = await _tenants(url, database, options, progress)
    task = progress.add_task("the same rows in the ORM's tables, with its index", total=1)
    async with seed_database(url, options.dimensions) as seed_url:
        plain_url = urlunsplit(urlsplit(seed_url)._replace(path="/seed_without_hnsw"))
        async with benchmark_connection(url, settings) as connection:
            await connection.execute(_sql("create_seed_without_hnsw"))
            await connection.execute(_sql("bare_tables"))
            engines = {ORM: create_engine(seed_url), ORM_PLAIN: create_engine(plain_url)}
            try:
                (hnsw,) = DocumentChunk.__table__.indexes
                async with engines[ORM_PLAIN].begin() as transaction:
                    await transaction.run_sync(hnsw.drop)
                await connection.execute((SQL / "checkpoint.sql").read_text())
                step(progress, task)
                yield _Places(database, connection, engines, tenants)
            finally:
                for engine in engines.values():
                    await engine.dispose()


async def _tenants(
    url: str, database: Database, options: RowOptions, progress: Progress
) -> dict[str, MadeUpTenant]:  # fmt: skip
    seeds: Iterator[int] = iter(range(1_000_000))
    task = progress.add_task(f"{options.held:,} initial rows", total=options.held)

    async def create(name: str, size: int) -> MadeUpTenant:
        return await create_tenant(
            database, name, size,
            lambda count: synthetic_vectors(count, options.dimensions, next(seeds)),
            partial(step, progress, task),
        )  # fmt: skip

    half, eighth = options.held // 2, options.held // 8
    tenants = {CABINET_INDEXED: await create("large", half)}
    for number in range(3):
        await create(f"other-{number}", eighth)
    tenants[CABINET] = await create("small", eighth)
    tenants[ORM] = tenants[ORM_PLAIN] = tenants[BARE] = tenants[CABINET]
    builder = await IndexBuilder.open(url, database.statements)
    try:
        for change in await planned_steps(database, min_rows=half):
            await builder.apply(change)
    finally:
        await builder.close()
    return tenants


async def _documents(places: _Places, rounds: int) -> dict[str, list[Job]]:
    """Create a document for each round and variant: in Cabinet claimed from the queue, for the ORM in its tables."""
    queue = Queue(places.database, "benchmark", _LEASE_S)
    jobs: dict[str, list[Job]] = {}
    for name in (CABINET, CABINET_INDEXED, BARE):
        jobs[name] = [await _claimed(queue, places.database, places.tenants[name].user_id) for _ in range(rounds)]
    for name, engine in places.engines.items():
        user_id = places.tenants[name].user_id
        documents = [
            Document(id=uuid4(), user_id=user_id, filename=f"{number}.txt", file_type="text", file_size=0)
            for number in range(rounds)
        ]
        jobs[name] = [Job(user_id, document.id, 1, 0, 1) for document in documents]  # type: ignore[arg-type]
        async with AsyncSession(engine) as session:
            session.add_all(documents)
            await session.commit()
    return jobs


async def _claimed(queue: Queue, database: Database, user_id: UUID) -> Job:
    row = await database.one(
        "documents/create", user_id=user_id, filename="made-up.txt", file_type="text", metadata={}, content=b"made up",
        content_hash=UUID(int=1), expires_at=None, is_read=True,
        file_size=7,
    )  # fmt: skip
    job = await queue.claim()
    assert row is not None and job is not None and job.document_id == row.id
    assert await queue.start(job) is not None
    return job


def _variants(
    places: _Places, material: Material, documents: Mapping[str, list[Job]]
) -> dict[str, Callable[[int], Awaitable[None]]]:
    queue = Queue(places.database, "benchmark", _LEASE_S)
    waiting = {name: iter(jobs) for name, jobs in documents.items()}

    async def cabinet(name: str, _number: int) -> None:
        await queue.store(next(waiting[name]), material.chunks, material.halves)

    async def orm(name: str, sessions: async_sessionmaker[AsyncSession], _number: int) -> None:
        rows = chunk_values(next(waiting[name]).document_id, material)
        async with sessions() as session:
            session.add_all([DocumentChunk(**row) for row in rows])
            await session.commit()

    async def bare(_number: int) -> None:
        chunks, vectors = bare_rows(next(waiting[BARE]), material)
        async with places.bare.transaction():
            for name, rows in (("write_chunks", chunks), ("write_vectors", vectors)):
                table, columns = places.database.statements[f"ingest/{name}"].copy_target
                await places.bare.copy_records_to_table(f"bare_{table}", columns=columns, records=rows)

    variants: dict[str, Callable[[int], Awaitable[None]]] = {
        name: partial(cabinet, name) for name in (CABINET, CABINET_INDEXED)
    }
    for name, engine in places.engines.items():
        variants[name] = partial(orm, name, async_sessionmaker(engine, expire_on_commit=False))
    variants[BARE] = bare
    return variants


def chunk_values(document_id: UUID, material: Material) -> list[dict[str, Any]]:
    """The chunks in the form that the other stack's `create_chunks` takes."""
    return [
        {"document_id": document_id, "content": chunk.content, "embedding": values, "chunk_index": index}
        for index, (chunk, values) in enumerate(zip(material.chunks, material.lists, strict=True))
    ]


def bare_rows(job: Job, material: Material) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The values of Cabinet's two COPYs."""
    places = list(enumerate(zip(material.ids, material.chunks, strict=True)))
    chunks = [
        (job.user_id, chunk_id, job.document_id, index, chunk.content, chunk.token_count, chunk.metadata,
         content_hash(chunk.content))
        for index, (chunk_id, chunk) in places
    ]  # fmt: skip
    vectors = [
        (job.user_id, chunk_id, job.document_id, material.halves[index], material.signatures[index])
        for index, (chunk_id, _) in places
    ]
    return chunks, vectors


def _sql(name: str) -> str:
    return (SQL / "ingest" / f"{name}.sql").read_text()


async def _stored(places: _Places, documents: Mapping[str, list[UUID]]) -> dict[str, Any]:
    """The number of rows that each variant stored, and a hash of them."""
    found = {name: await places.bare.fetchrow(_sql("stored"), documents[name]) for name in (CABINET, CABINET_INDEXED)}
    for name, engine in places.engines.items():
        connection = await asyncpg.connect(_plain_url(engine))
        try:
            found[name] = await connection.fetchrow(_sql("seed_stored"), documents[name])
        finally:
            await connection.close()
    found[BARE] = await places.bare.fetchrow(_sql("bare_stored"), documents[BARE])
    return found


def _plain_url(engine: AsyncEngine) -> str:
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


async def _plans(places: _Places, material: Material, documents: Mapping[str, list[UUID]]) -> dict[str, str]:
    """A COPY has no plan. An INSERT of the same rows into the same tables shows the cost of their keys and indexes."""
    plans = {
        f"cabinet.{table}": await explain(places.bare, _sql(f"insert_{table}"), [documents[BARE][-1]])
        for table in ("chunks", "vectors")
    }
    queue = Queue(places.database, "benchmark", _LEASE_S)
    job = await _claimed(queue, places.database, places.tenants[CABINET].user_id)
    key = {"user_id": job.user_id, "document_id": job.document_id}
    count = len(material.chunks)
    for name, arguments in (
        ("complete", {**key, "attempt": job.attempt, "chunk_count": count, "warnings": []}),
        ("chunk_ids", {"chunk_count": count}),
        ("finish", {"user_id": key["user_id"], "chunk_count": count, "token_count": 0, "earlier_chunks": 0}),
    ):
        statement = places.database.statements[f"ingest/{name}"]
        plans[f"cabinet.{name}"] = await explain(places.bare, statement.body, bind(statement, arguments))
    for name, engine in places.engines.items():
        row = chunk_values(documents[name][-1], material)[0]
        plans["sqlalchemy" if name == ORM else "sqlalchemy-no-hnsw"] = await _orm_plan(engine, row)
    return plans


async def _orm_plan(engine: AsyncEngine, row: dict[str, Any]) -> str:
    """The plan of the INSERT that SQLAlchemy generates for a chunk, captured before the driver and rolled back."""
    caught: list[tuple[str, Any]] = []
    event.listen(
        engine.sync_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, parameters, *_: caught.append((statement, parameters)),
    )
    async with AsyncSession(engine) as session:
        session.add(DocumentChunk(**row))
        await session.flush()
        await session.rollback()
    connection = await asyncpg.connect(_plain_url(engine))
    try:
        return await explain(connection, *caught[-1])
    finally:
        await connection.close()
