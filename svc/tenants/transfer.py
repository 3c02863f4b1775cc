"""Giving documents to another user: all of them or none, in one transaction of bounded statements.

`sql/documents/hold.sql` comes first, then for each batch of documents `transfer.sql`, `transfer_chunks.sql` until there
are no more chunks, and `transfer_release.sql`; `transfer_count.sql` is last. Nothing is visible before the transaction
commits, and if it ends earlier, the giver keeps everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from svc import batches
from svc.database import rows as r
from svc.database.queries import Transaction
from svc.ingest.file_bytes import MAX_PART_BYTES
from svc.terms.weights import salt

_LAST_INDEX = 2**31 - 1


async def transfer_documents(
    transaction: Transaction, giver: UUID, receiver: UUID, held: Sequence[r.DocumentsHold], limits: r.UsageQuotas
) -> None:
    """Give the documents that `documents/hold` returned; `limits` are the receiver's.

    Raises:
        ConstraintError: the receiver no longer exists, has a document with the same id, or would exceed a limit.
    """
    key_change = salt(giver) ^ salt(receiver)
    for batch in _batches(held):
        ids = [row.id for row in batch]
        await transaction.value("jobs/keep_plans", is_planned_once=True)
        await transaction.exec("documents/transfer", user_id=giver, to_user=receiver, document_ids=ids)
        await _transfer_parts(transaction, giver, receiver, batch)
        for slice_ids, first, last in _slices(batch):
            await transaction.value(
                "documents/transfer_chunks",
                user_id=giver,
                to_user=receiver,
                document_ids=slice_ids,
                first_index=first,
                last_index=last,
                key_change=key_change,
            )
        # A plan for any documents would read all those of the user.
        await transaction.value("jobs/keep_plans", is_planned_once=False)
        await transaction.exec("documents/transfer_release", user_id=giver, to_user=receiver, document_ids=ids)
    await transaction.exec("terms/queue_receiver", user_id=giver, to_user=receiver)
    await transaction.exec(
        "documents/transfer_count",
        user_id=giver,
        to_user=receiver,
        document_count=len(held),
        chunk_count=sum(row.chunk_count for row in held),
        byte_count=sum(row.file_size for row in held),
        document_limit=limits.documents_allowed,
        chunk_limit=limits.chunks_allowed,
        byte_limit=limits.bytes_allowed,
    )


async def _transfer_parts(
    transaction: Transaction, giver: UUID, receiver: UUID, batch: Sequence[r.DocumentsHold]
) -> None:
    """Give the parts of the files of a batch; it is of one file if that has more than one statement copies."""
    in_parts = [row for row in batch if row.file_size > MAX_PART_BYTES]
    most = max((row.file_size for row in in_parts), default=0)
    for first in range(0, most, batches.TRANSFERRED_BYTES):
        await transaction.exec(
            "file_parts/transfer",
            user_id=giver,
            to_user=receiver,
            document_ids=[row.id for row in in_parts],
            first_byte=first,
            end_byte=first + batches.TRANSFERRED_BYTES,
        )


def _batches(held: Sequence[r.DocumentsHold]) -> Iterator[list[r.DocumentsHold]]:
    """Documents whose files have no more bytes together than one statement copies, one document at least."""
    batch: list[r.DocumentsHold] = []
    size_bytes = 0
    for row in held:
        if batch and size_bytes + row.file_size > batches.TRANSFERRED_BYTES:
            yield batch
            batch, size_bytes = [], 0
        batch.append(row)
        size_bytes += row.file_size
    yield batch


def _slices(batch: Sequence[r.DocumentsHold]) -> Iterator[tuple[list[UUID], int, int]]:
    """Documents, and the first and last index of their chunks, for one statement each: several small documents whole,
    or a part of a large one."""
    most, ids, chunks = batches.TRANSFERRED_CHUNKS, list[UUID](), 0
    for row in batch:
        count = row.chunk_count
        if count > most:
            for first in range(0, count, most):
                is_last = first + most >= count
                yield [row.id], first, _LAST_INDEX if is_last else first + most - 1
        elif count:
            if chunks + count > most:
                yield ids, 0, _LAST_INDEX
                ids, chunks = [], 0
            ids.append(row.id)
            chunks += count
    if ids:
        yield ids, 0, _LAST_INDEX
