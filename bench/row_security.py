"""The cost of row level security (CABINET_RLS=on), for statements of different length.

\b
user       users/get: the shortest statement
list       documents/list: a page of 20
exact      search/exact among all vectors of the tenant
bits       search/bits among all vectors of the tenant
filter     search/exact with a filter by metadata, which no index can serve
           under row level security
store      100 chunks and their vectors in one transaction, which is rolled
           back: COPY without, INSERT with row level security

Two databases with the same rows, on one server and over its Unix socket, take turns. The times are from the call to the
rows in Python. The script checks that both find the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import click
import numpy as np
from numpy.typing import NDArray

from bench.machine import describe_machine
from bench.report import DEFAULT_FOLDER, Report
from bench.servers import benchmark_connection, benchmark_database, benchmark_server, benchmark_settings
from svc.calibration.synthetic import synthetic_vectors
from svc.calibration.tenants import create_tenant
from svc.calibration.timing import Variant, interleaved
from svc.cli.environment import run
from svc.database import rows as r
from svc.database.queries import Database, Transaction, open_database
from svc.embedded.server import url_as
from svc.migrations.policies import set_row_security
from svc.settings import SERVICE_ROLE
from svc.vectors.signatures import signatures

OFF, ON = "off", "on"
_STORED = 100


class _RolledBackError(Exception):
    pass


@click.command(help=__doc__)
@click.option("--short", is_flag=True, help="1,000 vectors and 30 rounds.")
@click.option("--vectors", type=int, default=20_000, show_default=True, help="Vectors of the tenant.")
@click.option("--others", type=int, default=20_000, show_default=True, help="Vectors of other tenants.")
@click.option("--dimensions", type=int, default=384, show_default=True)
@click.option("--rounds", type=int, default=300, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER, show_default=True)
def main(short: bool, **options: Any) -> None:
    if short:
        options |= {"vectors": 1_000, "others": 1_000, "rounds": 30}
    run(_measure(**options))


async def _measure(vectors: int, others: int, dimensions: int, rounds: int, folder: Path) -> None:
    settings = benchmark_settings(dimensions, pool_size=1)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(benchmark_server(memory_mb=1024))
        async with benchmark_database(url, settings) as database:
            piece = partial(_piece, dimensions, count(3))
            await create_tenant(database, "other", others, piece)
            tenant = await create_tenant(database, "asking", vectors, piece)
        copy = await _copied(url)
        await set_row_security(settings, copy, is_on=True)
        askers = {}
        for name, place in ((OFF, url), (ON, copy)):
            chosen = settings.model_copy(update={"rls": name == ON})
            database = await open_database(chosen, url_as(place, SERVICE_ROLE))
            stack.push_async_callback(database.close)
            askers[name] = _Asker(database, tenant.user_id, synthetic_vectors(rounds, dimensions, seed=2))
        connection = await stack.enter_async_context(benchmark_connection(url, settings))
        columns = ["question", "off p50 ms", "on p50 ms", "times", "off p95 ms", "on p95 ms", "rounds"]
        report = Report("row_security", folder, columns, await describe_machine(connection))
        for question in askers[OFF].questions():
            variants = {name: asker.questions()[question] for name, asker in askers.items()}
            times = await interleaved(variants, rounds, limit_s=20, block=10)
            off, on = times[OFF], times[ON]
            assert off.results[0] == on.results[0], question
            report.add(question, off.p50, on.p50, on.p50 / off.p50, off.p95, on.p95, len(on.milliseconds))
        report.write(f"row level security off and on, {vectors:,} vectors of the tenant, {others:,} of others")


def _piece(dimensions: int, seeds: Iterator[int], size: int) -> NDArray[np.float32]:
    return synthetic_vectors(size, dimensions, seed=next(seeds))


async def _copied(url: str) -> str:
    """A second database with the same rows."""
    base, _, rest = url.partition("/cabinet")
    connection = await asyncpg.connect(f"{base}/postgres{rest}")
    try:
        await connection.execute("create database secured template cabinet")
    finally:
        await connection.close()
    copied = f"{base}/secured{rest}"
    for place in (url, copied):
        connection = await asyncpg.connect(place)
        try:
            await connection.execute("vacuum analyze")
        finally:
            await connection.close()
    return copied


class _Asker:
    """Runs the questions on one of the two databases; each answer is the ids that it found."""

    def __init__(self, database: Database, user_id: UUID, queries: Any) -> None:
        self._database = database
        self._user_id = user_id
        self._queries = queries

    def questions(self) -> Mapping[str, Variant]:
        """The questions, by name."""
        return {
            "user": self._user, "list": self._list, "exact": self._exact, "bits": self._bits,
            "filter": self._filter, "store": self._store,
        }  # fmt: skip

    async def _user(self, _number: int) -> UUID | None:
        row = await self._database.one("users/get", user_id=self._user_id)
        return None if row is None else row.id

    async def _list(self, _number: int) -> list[UUID]:
        rows = await self._database.many(
            "documents/list", user_id=self._user_id, after=None, max_rows=21
        )  # fmt: skip
        return [row.id for row in rows]

    async def _exact(self, number: int, filters: Any = None) -> list[UUID]:
        rows = await self._database.many(
            "search/exact", user_id=self._user_id, embedding=self._queries[number], metric="cosine", threshold=None,
            document_ids=None, filters=filters, collection_ids=None, attributes=None, max_rows=10,
        )  # fmt: skip
        return [row.chunk_id for row in rows]

    async def _filter(self, number: int) -> list[UUID]:
        return await self._exact(number, {"metadata": {"nobody": "has this"}})

    async def _bits(self, number: int) -> list[UUID]:
        query = self._queries[number]
        rows = await self._database.many(
            "search/bits", user_id=self._user_id, embedding=query, signature=signatures(query[np.newaxis])[0],
            threshold=None, document_ids=None, filters=None, collection_ids=None, attributes=None, candidates=200,
            max_rows=10,
        )  # fmt: skip
        return [row.chunk_id for row in rows]

    async def _store(self, _number: int) -> int:
        stored = 0
        with suppress(_RolledBackError):
            async with self._database.transaction() as transaction:
                stored = await self._stored(transaction)
                raise _RolledBackError
        return stored

    async def _stored(self, transaction: Transaction) -> int:
        vectors = self._queries[:1].repeat(_STORED, axis=0)
        halves, marks = vectors.astype(np.float16), signatures(vectors)
        (document,) = await transaction.many(
            "calibration/create_documents", user_id=self._user_id, document_count=1, chunk_count=_STORED
        )
        ids = [row.id for row in await transaction.many("ingest/chunk_ids", chunk_count=_STORED)]
        chunks = [
            r.IngestWriteChunks(
                user_id=self._user_id, id=ids[i], document_id=document.id, chunk_index=i,
                content="The text of a chunk. " * 50, token_count=200, metadata={}, content_hash=UUID(int=i),
            )
            for i in range(_STORED)
        ]  # fmt: skip
        rows = [r.IngestWriteVectors(self._user_id, ids[i], document.id, halves[i], marks[i]) for i in range(_STORED)]
        stored = await transaction.copy("ingest/write_chunks", chunks)
        return stored + await transaction.copy("ingest/write_vectors", rows)


if __name__ == "__main__":
    main()
