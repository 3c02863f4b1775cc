"""Documents that a test stores, and their stored terms."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np

from svc.database.queries import Database
from svc.ingest.chunk import TextChunk
from svc.ingest.job import Job
from svc.ingest.queue import Queue
from svc.terms.texts import StoredTerms

DIMENSIONS = 256


async def upload(database: Database, user_id: UUID, filename: str, replaces: str | None = None) -> UUID:
    """Create a document with a job in the queue."""
    row = await database.one(
        "documents/create", user_id=user_id, filename=filename, file_type="text", metadata={}, content=b"text",
        content_hash=UUID(int=1), replaces=replaces, expires_at=None, is_read=True,
        file_size=4,
    )  # fmt: skip
    assert row is not None
    return row.id


async def ingest(queue: Queue, texts: list[str]) -> UUID:
    """Claim the next document and store it with these texts as its chunks."""
    job = await begun(queue)
    vectors = np.ones((len(texts), DIMENSIONS), dtype=np.float16)
    await queue.store(job, [TextChunk(text, 5, {}) for text in texts], vectors)
    return job.document_id


async def begun(queue: Queue) -> Job:
    """Claim the next document."""
    job = await queue.claim()
    assert job is not None
    assert await queue.start(job) is not None
    return job


async def terms_of(connection: Any) -> dict[UUID, tuple[UUID, UUID, frozenset[int], str]]:
    """For each chunk: the user, the document, the keys and the weights."""
    rows = await connection.fetch(
        "select chunk_id, user_id, document_id, keys, weights::text as weights from chunk_terms"
    )
    return {
        row["chunk_id"]: (row["user_id"], row["document_id"], frozenset(row["keys"]), row["weights"]) for row in rows
    }


async def expected_terms(connection: Any, database: Database) -> dict[UUID, tuple[UUID, UUID, frozenset[int], str]]:
    """The same, recomputed from every chunk of every tenant."""
    terms, expected = StoredTerms(), {}
    for row in await connection.fetch("select id, user_id, document_id, content from chunks"):
        (found,) = await terms.of([row["content"]], row["user_id"])
        if found is not None:
            async with database.pool.connection() as raw:
                weights = await raw.fetchval("select $1::sparsevec::text", found.weights)
            expected[row["id"]] = (row["user_id"], row["document_id"], frozenset(found.keys), weights)
    return expected
