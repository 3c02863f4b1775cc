"""Replaces the chunks of a document with new ones: the statements of one transaction."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc import batches
from svc.database import rows as r
from svc.database.queries import Transaction
from svc.ingest.chunk import TextChunk, content_hash
from svc.ingest.given_chunks import given_hash
from svc.ingest.job import Job, lease_lost
from svc.terms.ahead import TEXTS_AT_ONCE, TermsAhead

# Rows in one COPY: few enough to stay far below the statement timeout, including index maintenance.
_ROWS_A_COPY = TEXTS_AT_ONCE


class NewChunks(NamedTuple):
    """The chunks of a document, and a row of `vectors` and an entry of `bits` for each.

    The vectors at the indexes `given` are the client's. `token_count` is the number of tokens that were embedded.
    """

    chunks: Sequence[TextChunk]
    vectors: NDArray[np.float16]
    bits: Sequence[bytes]
    given: Set[int]
    token_count: int


async def store_chunks(
    transaction: Transaction, job: Job, new: NewChunks, terms: TermsAhead, warnings: Sequence[str]
) -> None:
    """Store chunks, mark the document ready and delete the documents that it replaces.

    `terms` are the terms of the chunks, which are found while the database works.

    Raises:
        LeaseLostError: the attempt no longer holds the document.
        ConstraintError: the user's plan does not have room for the chunks.
    """
    count = len(new.chunks)
    completed = await transaction.one("ingest/complete", **job.key, chunk_count=count, warnings=list(warnings))
    if completed is None:
        raise lease_lost()
    await _erase(transaction, job, completed.earlier_chunks)
    rows = list(enumerate(row.id for row in await transaction.many("ingest/chunk_ids", chunk_count=count)))
    for first in range(0, count, _ROWS_A_COPY):
        await _write(transaction, job, new, rows[first : first + _ROWS_A_COPY], terms)
    if completed.replaces is not None:
        await _replace(transaction, job)
    await transaction.exec(
        "ingest/finish",
        user_id=job.user_id,
        chunk_count=count,
        token_count=new.token_count,
        earlier_chunks=completed.earlier_chunks,
    )


async def _write(
    transaction: Transaction, job: Job, new: NewChunks, rows: Sequence[tuple[int, UUID]], terms: TermsAhead
) -> None:
    """Write the chunks at some indexes, each with its id."""
    await transaction.copy(
        "ingest/write_chunks",
        [_chunk_row(job, id_, i, new.chunks[i], new.vectors[i] if i in new.given else None) for i, id_ in rows],
    )
    await transaction.copy(
        "ingest/write_vectors", [_vector_row(job, id_, new.vectors[i], new.bits[i]) for i, id_ in rows]
    )
    found = await terms.next()
    await transaction.copy(
        "ingest/write_terms",
        [
            r.IngestWriteTerms(job.user_id, id_, job.document_id, each.keys, each.weights)
            for (_, id_), each in zip(rows, found, strict=True)
            if each is not None
        ],
    )


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
        replaced = await transaction.many(
            "ingest/replace",
            user_id=job.user_id,
            document_id=job.document_id,
            max_rows=batches.REPLACED_DOCUMENTS,
        )
        if replaced:
            await transaction.exec(
                "documents/delete",
                user_id=job.user_id,
                document_ids=[row.id for row in replaced],
                max_parts=batches.ERASED_PARTS,
            )
        if len(replaced) < batches.REPLACED_DOCUMENTS:
            return


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
