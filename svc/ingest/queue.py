"""The queue of documents to ingest: `sql/ingest/`. Claims are leased and fenced.

Each claim has an attempt number, which only increases. Every later statement is conditional on it, so a worker whose
lease has expired and whose document another worker has claimed can no longer change anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from svc import batches
from svc.access.quotas import Quota, broken_quota, quotas_of
from svc.database import rows as r
from svc.database.failures import ConstraintError
from svc.database.queries import Database, Transaction
from svc.errors import DocumentRejectedError, LeaseLostError, RowsLockedError
from svc.ingest.chunk import ChunkSizes, TextChunk, content_hash
from svc.ingest.file_bytes import MAX_PART_BYTES
from svc.ingest.formats import StoredType
from svc.ingest.given_chunks import given_hash
from svc.jobs.storing import storing
from svc.terms.texts import StoredTerms
from svc.vectors.signatures import signatures

# Rows in one COPY: few enough to stay far below the statement timeout, including index maintenance.
_ROWS_A_COPY = 500
# Texts in one lookup, which returns up to 1.5 MB of vectors at 1,536 dimensions.
_TEXTS_A_LOOKUP = 500


@dataclass(frozen=True)
class Job:
    """A claimed document.

    `attempt` is the fencing token. `tries` counts the attempts that have failed, `interruptions` those whose worker did
    not report the end, including this one; each has its own limit.
    """

    user_id: UUID
    document_id: UUID
    attempt: int
    tries: int
    interruptions: int


@dataclass(frozen=True)
class QueuedUpload:
    """A document to ingest, the sizes of the chunks if the client has chosen them, and the quotas of its user.

    `content` is empty if the file is stored in parts.
    """

    filename: str
    file_type: StoredType
    file_size: int
    content: bytes
    sizes: ChunkSizes | None
    charset: str | None
    chunks: Quota
    tokens: Quota


class Queue:
    """The statements that a worker runs on the queue. Leases last `lease_s` seconds; `terms` finds terms of texts."""

    def __init__(self, database: Database, worker: str, lease_s: float, terms: StoredTerms | None = None) -> None:
        self._database = database
        self._terms = terms or StoredTerms()
        self.worker = worker
        self.lease_s = lease_s
        # The user whose document was claimed last; the nil UUID before the first claim.
        self._turn = UUID(int=0)

    async def claim(self) -> Job | None:
        """Claim a due job of the next user who has one; None if no job is due."""
        row = await self._database.one("ingest/claim", worker=self.worker, lease_s=self.lease_s, after=self._turn)
        if row is None:
            return None
        self._turn = row.turn
        return Job(row.user_id, row.document_id, row.attempt, row.tries, row.interruptions)

    async def next_due_s(self) -> float | None:
        """Seconds until the next job is due; negative if one is overdue, None if the queue is empty."""
        return await self._database.value("ingest/next_due")

    async def start(self, job: Job) -> QueuedUpload | None:
        """Begin an attempt and return the document; None, after dropping the job, if there is nothing to do.

        Raises:
            RowsLockedError: another session has locked the document; it may be a stopped worker that stores it.
        """
        row = await self._database.one("ingest/start", **_key(job), lease_s=self.lease_s)
        if row is None:
            if await self._database.value("ingest/drop", **_key(job)):
                raise RowsLockedError("another session has locked the document")
            return None
        return QueuedUpload(
            filename=row.filename,
            file_type=row.file_type,
            file_size=row.file_size,
            content=row.content,
            sizes=None if row.chunk_sizes is None else msgspec.convert(row.chunk_sizes, ChunkSizes),
            charset=row.charset,
            chunks=Quota("chunks", row.chunks_used, row.chunks_allowed),
            tokens=Quota("tokens", row.tokens_used, row.tokens_allowed),
        )

    async def content(self, job: Job, max_bytes: int) -> bytes:
        """Read the beginning of a file that is stored in parts, at most `max_bytes` of it.

        Raises:
            LeaseLostError: the document was deleted.
            DocumentRejectedError: a part is missing.
        """
        parts, size = list[bytes](), 0
        while size < max_bytes:
            row = await self._database.one(
                "documents/content",
                user_id=job.user_id,
                document_id=job.document_id,
                first_byte=size,
                max_bytes=MAX_PART_BYTES,
            )
            if row is None:
                raise _lease_lost()
            if not row.content:
                raise DocumentRejectedError(f"The bytes of the file from {size:,} on are missing; upload it again.")
            parts.append(row.content)
            size += len(row.content)
        return b"".join(parts)

    async def heartbeat(self, job: Job, progress: float) -> None:
        """Renew the lease and record the progress, 0 to 1.

        Raises:
            LeaseLostError: another worker has claimed the document, or it was deleted.
        """
        if not await self._database.exec("ingest/heartbeat", **_key(job), lease_s=self.lease_s, progress=progress):
            raise _lease_lost()

    async def reuse_vectors(
        self, job: Job, chunks: Sequence[TextChunk], vectors: NDArray[np.float16], given: Set[int] = frozenset()
    ) -> list[int]:
        """Fill in the vectors of chunks whose embedded text the tenant has already stored; return the other indexes.

        The vectors at the indexes `given` are there.

        `vectors` has shape (chunks, dimensions) and the half precision of the stored vectors, so copies are
        bit-identical. Equal texts have equal vectors because a database belongs to one embedding model. The lookup
        takes 0.03 to 0.1 ms per text; the index makes storing about 3 % slower.
        """
        new: list[int] = []
        for first in range(0, len(chunks), _TEXTS_A_LOOKUP):
            indexes = range(first, min(first + _TEXTS_A_LOOKUP, len(chunks)))
            hashes = {index: content_hash(chunks[index].indexed) for index in indexes if index not in given}
            wanted = list({*hashes.values()})
            if not wanted:
                continue
            rows = await self._database.many(
                "ingest/known_vectors", user_id=job.user_id, hashes=wanted, max_rows=len(wanted)
            )
            known = {row.content_hash: row.embedding.to_numpy() for row in rows}
            for index, text_hash in hashes.items():
                if text_hash in known:
                    vectors[index] = known[text_hash]
                else:
                    new.append(index)
        return new

    async def store(
        self,
        job: Job,
        chunks: Sequence[TextChunk],
        vectors: NDArray[np.float16],
        token_count: int = 0,
        warnings: Sequence[str] = (),
        *,
        given: Set[int] = frozenset(),
    ) -> None:
        """Store chunks, vectors and terms, mark the document ready and delete the documents that it replaces.

        All of this happens in one transaction. `vectors` has shape (chunks, dimensions); those at the indexes `given`
        are the client's. `token_count` is the number of tokens that were embedded for the document. `warnings` say what
        was not read of it.

        Raises:
            LeaseLostError: the attempt no longer holds the document.
            QuotaExceededError: the document would exceed the chunks or tokens that the user's plan allows.
        """
        try:
            await self._store(job, chunks, vectors, token_count, list(warnings), given=given)
        except ConstraintError as error:
            if (quota := broken_quota(error.constraint)) is None:
                raise
            row = await self._database.one("usage/quotas", user_id=job.user_id)
            if row is None:
                raise LeaseLostError("the document was deleted with its user") from None
            raise quotas_of(row)[quota].exceeded(token_count if quota == "tokens" else len(chunks)) from None

    async def _store(
        self,
        job: Job,
        chunks: Sequence[TextChunk],
        vectors: NDArray[np.float16],
        token_count: int,
        warnings: list[str],
        *,
        given: Set[int],
    ) -> None:
        bits = await asyncio.to_thread(signatures, vectors)
        async with storing(self._database, self.lease_s) as transaction:
            completed = await transaction.one(
                "ingest/complete", **_key(job), chunk_count=len(chunks), warnings=warnings
            )
            if completed is None:
                raise _lease_lost()
            await _erase(transaction, job, completed.earlier_chunks)
            ids = [row.id for row in await transaction.many("ingest/chunk_ids", chunk_count=len(chunks))]
            for first in range(0, len(chunks), _ROWS_A_COPY):
                rows = range(first, min(first + _ROWS_A_COPY, len(chunks)))
                await transaction.copy(
                    "ingest/write_chunks",
                    [_chunk_row(job, ids[i], i, chunks[i], vectors[i] if i in given else None) for i in rows],
                )
                await transaction.copy(
                    "ingest/write_vectors", [_vector_row(job, ids[i], vectors[i], bits[i]) for i in rows]
                )
                # Some at a time, because the terms of 20,000 chunks can take 100 MB.
                terms = await self._terms.of([chunks[i].indexed for i in rows], job.user_id)
                await transaction.copy(
                    "ingest/write_terms",
                    [
                        r.IngestWriteTerms(job.user_id, ids[i], job.document_id, found.keys, found.weights)
                        for i, found in zip(rows, terms, strict=True)
                        if found is not None
                    ],
                )
            if completed.replaces is not None:
                await _replace(transaction, job)
            await transaction.exec(
                "ingest/finish",
                user_id=job.user_id,
                chunk_count=len(chunks),
                token_count=token_count,
                earlier_chunks=completed.earlier_chunks,
            )
        self._terms.grown.add((job.user_id, "chunk"))

    async def fail(self, job: Job, reason: str) -> None:
        """End the ingestion with an error, which the document's owner can read."""
        await self._database.exec("ingest/fail", **_key(job), error=reason)

    async def postpone(self, job: Job, delay_s: float, reason: str, *, is_failed: bool = True) -> None:
        """Return the job to the queue, due again in `delay_s` seconds. `is_failed`: the attempt counts as a try."""
        await self._database.exec("ingest/postpone", **_key(job), delay_s=delay_s, error=reason, is_failed=is_failed)

    async def release(self, job: Job, delay_s: float = 0, *, is_interrupted: bool = False) -> int:
        """Return the job to the queue, due again in `delay_s` seconds; no attempt has failed.

        Unless `is_interrupted`, it is as if the job had not been claimed, even if another worker has claimed it since.
        Returns 0 if the job is locked or gone, otherwise 1.
        """
        return await self._database.exec("ingest/release", **_key(job), delay_s=delay_s, is_interrupted=is_interrupted)


async def _erase(transaction: Transaction, job: Job, count: int) -> None:
    """Erase the chunks that a document had before it was read again, some at a time."""
    for first in range(0, count, batches.SWEPT_ROWS):
        await transaction.exec(
            "ingest/erase_chunks",
            user_id=job.user_id,
            document_id=job.document_id,
            first_index=first,
            last_index=first + batches.SWEPT_ROWS - 1,
        )


async def _replace(transaction: Transaction, job: Job) -> None:
    """Delete the documents that this one replaces, some at a time."""
    while True:
        deleted = await transaction.value(
            "ingest/replace",
            user_id=job.user_id,
            document_id=job.document_id,
            max_rows=batches.REPLACED_DOCUMENTS,
            max_parts=batches.ERASED_PARTS,
        )
        if deleted < batches.REPLACED_DOCUMENTS:
            return


def _lease_lost() -> LeaseLostError:
    return LeaseLostError("another worker has claimed the document, or it was deleted")


class _Key(TypedDict):
    user_id: UUID
    document_id: UUID
    attempt: int


def _key(job: Job) -> _Key:
    return {"user_id": job.user_id, "document_id": job.document_id, "attempt": job.attempt}


def _chunk_row(
    job: Job, chunk_id: UUID, index: int, chunk: TextChunk, given: NDArray[np.float16] | None
) -> r.IngestWriteChunks:
    """The row of a chunk; `given` is its vector if that is the client's."""
    text_hash = content_hash(chunk.indexed) if given is None else given_hash(chunk, given)
    return r.IngestWriteChunks(
        user_id=job.user_id, id=chunk_id, document_id=job.document_id, chunk_index=index, content=chunk.content,
        token_count=chunk.token_count, metadata=chunk.metadata, content_hash=text_hash,
    )  # fmt: skip


def _vector_row(job: Job, chunk_id: UUID, vector: NDArray[np.float16], signature: bytes) -> r.IngestWriteVectors:
    return r.IngestWriteVectors(
        user_id=job.user_id, chunk_id=chunk_id, document_id=job.document_id, embedding=vector, signature=signature
    )
