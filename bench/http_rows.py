"""The rows of `bench.http`: stored through Cabinet, then copied unchanged into the ORM's tables."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray

from bench.seed_stack.application import create_engine
from bench.seed_stack.models import Base, use_dimensions
from svc.access.keys import generate_key
from svc.calibration.synthetic import synthetic_vectors
from svc.calibration.tenants import MadeUpTenant, create_tenant
from svc.database.queries import Database
from svc.search.index_plan import planned_steps
from svc.search.own_indexes import IndexBuilder

SQL = Path(__file__).parent / "sql"
USERS = 200
CONVERSATIONS = 4
"""Conversations of each tenant, with MESSAGES messages each."""
MESSAGES = 300
PAGE = 20
_SEED_TABLES = ("users", "documents", "document_chunks", "conversations", "messages")


@dataclass(frozen=True)
class Reader:
    """A user whose row is read, and their key."""

    user_id: UUID
    key: str


@dataclass(frozen=True)
class Rows:
    """The stored rows: users, tenants of equal size, the first tenant's conversations, and queries."""

    readers: list[Reader]
    tenants: list[MadeUpTenant]
    conversations: list[UUID]
    queries: NDArray[np.float32]


async def store_rows(
    database: Database, tenants: int, size: int, dimensions: int, advance: Callable[[int], None]
) -> Rows:
    """Store users, and tenants of `size` vectors with documents and conversations; `advance(count)` gets vectors."""
    readers = [await _create_reader(database, number) for number in range(USERS)]
    made = []
    conversations: list[list[UUID]] = []
    for number in range(tenants):
        seeds = iter(range(1000 * number, 1000 * number + 1000))
        tenant = await create_tenant(
            database,
            f"tenant-{number}",
            size,
            lambda count, seeds=seeds: synthetic_vectors(count, dimensions, next(seeds)),  # type: ignore[misc]
            advance,
        )
        made.append(tenant)
        conversations.append([await _create_conversation(database, tenant.user_id) for _ in range(CONVERSATIONS)])
    # In half precision, as Cabinet stores them, so that both stacks compare the same numbers.
    queries = synthetic_vectors(100, dimensions, 999_999).astype(np.float16).astype(np.float32)
    return Rows(readers, made, conversations[0], queries)


async def index_last_tenant(database: Database, url: str, rows: Rows) -> None:
    """Build an index for the last tenant, as `cabinet index apply` does for large tenants."""
    builder = await IndexBuilder.open(url, database.statements)
    try:
        for step in await planned_steps(database, min_rows=1):
            if step.user_id == rows.tenants[-1].user_id:
                await builder.apply(step)
    finally:
        await builder.close()


async def _create_reader(database: Database, number: int) -> Reader:
    key = generate_key()
    row = await database.one(
        "users/create", email=f"reader-{number}@example.com", name=f"Reader {number}", plan="enterprise",
        preferences={}, external_id=None, key_prefix=key.prefix, key_hash=key.key_hash,
    )  # fmt: skip
    assert row is not None
    return Reader(row.id, key.key)


async def _create_conversation(database: Database, user_id: UUID) -> UUID:
    row = await database.one(
        "conversations/create", user_id=user_id, title="About the Moon", document_ids=[], metadata={}, expires_at=None
    )
    assert row is not None
    conversation_id: UUID = row.id
    await database.many(
        "messages/append", user_id=user_id, conversation_id=conversation_id,
        roles=["user", "assistant"] * (MESSAGES // 2),
        contents=[f"Message {number}: the Moon is about 384,400 km away, on average." for number in range(MESSAGES)],
        token_counts=[15] * MESSAGES, source_messages=[], source_chunks=[], embed=False, details=[],
    )  # fmt: skip
    return conversation_id


@asynccontextmanager
async def seed_database(url: str, dimensions: int) -> AsyncIterator[str]:
    """A second database on the same server, with the ORM's tables and all rows of Cabinet's at `url`."""
    use_dimensions(dimensions)
    source = await asyncpg.connect(url)
    try:
        await source.execute((SQL / "create_seed_database.sql").read_text())
        seed_url = urlunsplit(urlsplit(url)._replace(path="/seed_stack"))
        await _copy_rows(source, seed_url)
        yield seed_url
    finally:
        await source.close()


async def _copy_rows(source: Any, seed_url: str) -> None:
    engine = create_engine(seed_url)
    (hnsw,) = Base.metadata.tables["document_chunks"].indexes
    target = await asyncpg.connect(seed_url)
    try:
        await target.execute((SQL / "create_extension.sql").read_text())
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            # Building it after the rows are stored takes a tenth of the time and gives the same index.
            await connection.run_sync(hnsw.drop)
        for table in _SEED_TABLES:
            await _copy_table(source, target, table)
        async with engine.begin() as connection:
            await connection.run_sync(hnsw.create)
        for connection in (source, target):
            await connection.execute((SQL / "vacuum.sql").read_text())
    finally:
        await target.close()
        await engine.dispose()


async def _copy_table(source: Any, target: Any, table: str) -> None:
    columns = Base.metadata.tables[table].columns.keys()
    query = (SQL / "seed" / f"{table}.sql").read_text().rstrip().removesuffix(";")
    names = await source.prepare(query)
    ordered = [attribute.name for attribute in names.get_attributes()]
    assert sorted(ordered) == sorted(columns), (table, ordered, columns)
    with tempfile.TemporaryFile() as file:
        await source.copy_from_query(query, output=file, format="binary")
        file.seek(0)
        await target.copy_to_table(table, columns=ordered, source=file, format="binary")
