"""The rows of a COPY, and its name on the server, although the driver generates its text."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from numpy.typing import NDArray

from svc.database.copying import Int4Array, int4_elements
from svc.database.failures import ConstraintError
from svc.database.queries import Database
from svc.database.rows import IngestWriteTerms, IngestWriteVectors
from svc.errors import DatabaseUnavailableError
from svc.terms.weights import sparse_vector
from tests.database.conftest import make_user
from tests.terms.stored import upload


async def test_a_copy_has_the_name_of_its_statement_on_the_server(database: Database, database_url: str) -> None:
    holder, watcher = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    lock = holder.transaction()
    await lock.start()
    await holder.execute("lock table chunks in exclusive mode")
    # It is visible while it waits for the lock.
    copying = asyncio.create_task(database.copy("ingest/write_chunks", []))
    try:
        assert "/* ingest/write_chunks */" in await _waiting(watcher, "copy")
    finally:
        await lock.rollback()
        assert await copying == 0
        await holder.close()
        await watcher.close()


@pytest.mark.parametrize("command", ["copy", "insert"])
async def test_a_copy_ends_with_its_connection(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    # Where the tables have row level security, PostgreSQL refuses COPY.
    monkeypatch.setattr(Database, "has_row_security", command == "insert")
    user_id = await make_user(database)
    document = await upload(database, user_id, "a.txt")
    weights = sparse_vector({1: 0.5})
    # More than the buffers on the way hold, so that the client waits until it can send on.
    rows = [IngestWriteTerms(user_id, UUID(int=number), document, [*range(3_000)], weights) for number in range(2_000)]
    database.statement_s = 600
    holder, watcher = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    lock = holder.transaction()
    await lock.start()
    await holder.execute("lock table chunk_terms in access exclusive mode")
    copying = asyncio.create_task(database.copy("ingest/write_terms", rows))
    try:
        await _waiting(watcher, command)
        await watcher.execute(f"select pg_terminate_backend(pid) from ({_WAITING}) as w", f"%{command}%")
        with pytest.raises(DatabaseUnavailableError):
            await asyncio.wait_for(copying, 60)
    finally:
        copying.cancel()
        await lock.rollback()
        await holder.close()
        await watcher.close()
    assert await database.one("users/get", user_id=user_id) is not None


_WAITING = "select pid, query from pg_stat_activity where wait_event_type = 'Lock' and query ilike $1"


async def _waiting(watcher: asyncpg.Connection[asyncpg.Record], command: str) -> str:
    for _ in range(200):
        text: str | None = await watcher.fetchval(f"select query from ({_WAITING}) as w", f"%{command}%")
        if text is not None:
            return text
        await asyncio.sleep(0.02)
    raise AssertionError(f"no waiting {command} was seen")


async def test_rows_that_the_service_encodes_are_those_that_asyncpg_encodes(database: Database, observer: Any) -> None:
    user_id = await make_user(database)
    document = await upload(database, user_id, "a.txt")
    given = [[], [7], [2**31 - 1, -(2**31), 0], [*range(3_000)]]
    weights = sparse_vector({1: 0.5, 10**9: 2.0})
    rows = [IngestWriteTerms(user_id, UUID(int=number), document, keys, weights) for number, keys in enumerate(given)]
    made = Int4Array(int4_elements(np.array(given[3])))
    assert (len(made), list(made), made[2], made == given[3]) == (3_000, given[3], 2, True)
    assert await database.copy("ingest/write_terms", [*rows, rows[0]._replace(chunk_id=UUID(int=9), keys=made)]) == 5
    stored = await observer.fetch("select keys, weights::text as weights from chunk_terms order by chunk_id")
    assert [row["keys"] for row in stored] == [*given, given[3]]
    assert {row["weights"] for row in stored} == {"{1:0.5,1000000000:2}/1000000000"}
    vector = np.linspace(-1, 1, 256).astype(np.float16)
    embeddings: list[NDArray[np.floating[Any]]] = [vector, vector.astype(np.float32)]
    vectors = [
        IngestWriteVectors(user_id, UUID(int=number), document, embedding, bytes(range(192)))
        for number, embedding in enumerate(embeddings)
    ]
    assert await database.copy("ingest/write_vectors", vectors) == 2
    (one, other) = await observer.fetch("select embedding::text, signature::text from chunk_vectors order by chunk_id")
    assert one == other
    np.testing.assert_allclose([float(each) for each in one["embedding"][1:-1].split(",")], vector, rtol=1e-3)
    assert one["signature"] == "".join(f"{byte:08b}" for byte in range(192))
    with pytest.raises(ConstraintError):
        await database.copy("ingest/write_terms", rows[:1])
    assert await database.copy("ingest/write_terms", []) == 0
