"""The queue of documents to ingest: `sql/ingest/`. Claims are leased and fenced.

Each claim has an attempt number, which only increases. Every later statement is conditional on it, so a worker whose
lease has expired and whose document another worker has claimed can no longer change anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from svc.access.quotas import Quota, broken_quota, quotas_of
from svc.database.failures import ConstraintError
from svc.database.queries import Database
from svc.errors import DocumentRejectedError, LeaseLostError, RowsLockedError
from svc.ingest.chunk import ChunkSizes, TextChunk, content_hash
from svc.ingest.file_bytes import MAX_PART_BYTES
from svc.ingest.formats import StoredType
from svc.ingest.job import Job, lease_lost
from svc.ingest.stored_chunks import NewChunks, store_chunks
from svc.jobs.storing import storing
from svc.terms.ahead import TermsAhead
from svc.terms.texts import StoredTerms
from svc.vectors.signatures import signatures

# Texts in one lookup, which returns up to 1.5 MB of vectors at 1,536 dimensions.
_TEXTS_A_LOOKUP = 500


@dataclass(frozen=True)
class QueuedUpload:
    """A document to ingest, the sizes of the chunks if the client has chosen them, and the quotas of its user.

    `content` is empty if the file is stored in parts. `content_id` is the document that has the bytes.
    """

    filename: str
    file_type: StoredType
    file_size: int
    content: bytes
    sizes: ChunkSizes | None
    charset: str | None
    content_id: UUID
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
        """Claim a due job of the next user with a due job; None if no job is due."""
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
        row = await self._database.one("ingest/start", **job.key, lease_s=self.lease_s)
        if row is None:
            if await self._database.value("ingest/drop", **job.key):
                raise RowsLockedError("another session has locked the document")
            return None
        return QueuedUpload(
            filename=row.filename,
            file_type=row.file_type,
            file_size=row.file_size,
            content=row.content,
            sizes=None if row.chunk_sizes is None else msgspec.convert(row.chunk_sizes, ChunkSizes),
            charset=row.charset,
            content_id=row.content_id,
            chunks=Quota("chunks", row.chunks_used, row.chunks_allowed),
            tokens=Quota("tokens", row.tokens_used, row.tokens_allowed),
        )

    async def content(self, job: Job, content_id: UUID, max_bytes: int) -> bytes:
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
                document_id=content_id,
                first_byte=size,
                max_bytes=MAX_PART_BYTES,
            )
            if row is None:
                raise lease_lost()
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
        if not await self._database.exec("ingest/heartbeat", **job.key, lease_s=self.lease_s, progress=progress):
            raise lease_lost()

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
            bits = await asyncio.to_thread(signatures, vectors)
            new = NewChunks(chunks, vectors, bits, given, token_count)
            async with (
                TermsAhead(self._terms, (chunk.indexed for chunk in chunks), job.user_id) as terms,
                storing(self._database, self.lease_s, is_planned_once=True) as transaction,
            ):
                await store_chunks(transaction, job, new, terms, warnings)
            self._terms.grown.add((job.user_id, "chunk"))
        except ConstraintError as error:
            if (quota := broken_quota(error.constraint)) is None:
                raise
            row = await self._database.one("usage/quotas", user_id=job.user_id)
            if row is None:
                raise LeaseLostError("the document was deleted with its user") from None
            raise quotas_of(row)[quota].exceeded(token_count if quota == "tokens" else len(chunks)) from None

    async def fail(self, job: Job, reason: str) -> None:
        """End the ingestion with an error, which the document's owner can read."""
        await self._database.exec("ingest/fail", **job.key, error=reason)

    async def postpone(self, job: Job, delay_s: float, reason: str, *, is_failed: bool = True) -> None:
        """Return the job to the queue, due again in `delay_s` seconds. `is_failed`: the attempt counts as a try."""
        await self._database.exec("ingest/postpone", **job.key, delay_s=delay_s, error=reason, is_failed=is_failed)

    async def release(self, job: Job, delay_s: float = 0, *, is_interrupted: bool = False) -> int:
        """Return the job to the queue, due again in `delay_s` seconds; no attempt has failed.

        Unless `is_interrupted`, it is as if the job had not been claimed, even if another worker has claimed it since.
        Returns 0 if the job is locked or gone, otherwise 1.
        """
        return await self._database.exec("ingest/release", **job.key, delay_s=delay_s, is_interrupted=is_interrupted)
