"""Deletes expired documents, uploads, conversations and idempotency keys, the files of expired collections, and the
remaining rows of large deleted documents and of removed files, in the background of a worker.

Expired rows are listed across all tenants and deleted tenant by tenant, in batches too small to delay other statements.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterator, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from svc import batches, metrics
from svc.database.queries import Database
from svc.errors import CabinetError
from svc.jobs.expired_uploads import EXPIRED_UPLOADS_AT_ONCE, sweep_uploads
from svc.jobs.long_conversations import delete_long_expired

logger = logging.getLogger(__name__)

KEYS_KEPT_S = 86_400.0
"""Seconds for which the key of a request (`Idempotency-Key`) is kept: a day."""

_EVERY_S = 60.0
_SOON_S = 0.2
LEFT_FILES_KEPT_S = 86_400.0
"""Seconds for which a page of a collection's files can begin after a removed file: a day."""
_LEFT_FILES_AT_ONCE = 500
_KEYS_AT_ONCE = 500
_EXPIRED_AT_ONCE = 100
_LEFT_OVER_AT_ONCE = 100


async def sweep_turn(database: Database) -> float:
    """Delete one batch of each kind. Returns the seconds to rest, fewer if there may be more to delete."""
    is_full = [
        await _deleted(sweep_documents(database), "expired documents") >= _EXPIRED_AT_ONCE,
        await _deleted(sweep_left_over(database), "rows of deleted documents") >= _LEFT_OVER_AT_ONCE,
        await _deleted(sweep_uploads(database), "expired uploads") >= EXPIRED_UPLOADS_AT_ONCE,
        await _deleted(sweep_conversations(database), "expired conversations") >= _EXPIRED_AT_ONCE,
        await _deleted(sweep_collections(database), "files of expired collections") >= batches.EMPTIED_FILES,
        await _deleted(sweep_left_files(database), "files that left collections") >= _LEFT_FILES_AT_ONCE,
        await _deleted(sweep_keys(database), "expired idempotency keys") >= _KEYS_AT_ONCE,
    ]
    # A full batch means that there are more. The pause leaves time for more urgent work.
    return _SOON_S if any(is_full) else _EVERY_S


async def sweep_documents(database: Database) -> int:
    """Delete one batch of expired documents; returns their number."""
    rows = await database.many("documents/list_expired", max_rows=_EXPIRED_AT_ONCE)
    deleted = 0
    for user_id, documents in _by_tenant(rows).items():
        async with database.transaction() as transaction:
            held = await transaction.many(
                "documents/hold_expired",
                user_id=user_id,
                document_ids=[row.id for row in documents],
                max_rows=len(documents),
            )
            deleted += await transaction.exec(
                "documents/delete",
                user_id=user_id,
                document_ids=[row.id for row in held],
                max_parts=batches.ERASED_PARTS,
                with_readings=True,
            )
    _note("documents", deleted)
    return deleted


async def sweep_left_over(database: Database) -> int:
    """Delete the remaining rows of some deleted documents; returns the number of documents.

    Each statement deletes a batch. If this is interrupted, the next sweep continues with the remaining rows.
    """
    rows = await database.many("documents/list_left_over", max_rows=_LEFT_OVER_AT_ONCE)
    for row in rows:
        while True:
            erased = await database.one(
                "documents/erase_left_over",
                user_id=row.user_id,
                document_id=row.document_id,
                max_rows=batches.SWEPT_ROWS,
                max_parts=batches.SWEPT_FILE_PARTS,
            )
            if erased is None or erased.document_contents:
                break
    return len(rows)


async def sweep_conversations(database: Database) -> int:
    """Delete one batch of expired conversations; returns their number."""
    rows = await database.many("conversations/list_expired", max_rows=_EXPIRED_AT_ONCE)
    deleted = 0
    for user_id, conversations in _batches([row for row in rows if row.part_count <= batches.ERASED_MESSAGES]):
        deleted += await database.value("conversations/delete_expired", user_id=user_id, conversation_ids=conversations)
    for row in rows:
        if row.part_count > batches.ERASED_MESSAGES:
            deleted += await delete_long_expired(database, row.user_id, row.id)
    _note("conversations", deleted)
    return deleted


async def sweep_collections(database: Database) -> int:
    """Remove the files from some expired collections; returns the number of files."""
    rows = await database.many("collections/list_expired", max_rows=_EXPIRED_AT_ONCE)
    emptied = 0
    for row in rows:
        count = await database.value(
            "collections/empty",
            user_id=row.user_id,
            collection_id=row.id,
            max_rows=batches.EMPTIED_FILES,
            is_sweep=True,
        )
        emptied += count or 0
    _note("files of collections", emptied)
    return emptied


async def sweep_left_files(database: Database) -> int:
    """Delete the records of some files that were removed from collections long ago; returns how many were found."""
    rows = await database.many("collection_files/list_left", kept_s=LEFT_FILES_KEPT_S, max_rows=_LEFT_FILES_AT_ONCE)
    for user_id, files in _by_tenant(rows).items():
        await database.exec(
            "collection_files/delete_left",
            user_id=user_id,
            collection_ids=[file.collection_id for file in files],
            file_ids=[file.file_id for file in files],
            kept_s=LEFT_FILES_KEPT_S,
        )
    return len(rows)


async def sweep_keys(database: Database) -> int:
    """Delete one batch of expired keys, with one statement per tenant; returns how many were found."""
    rows = await database.many("idempotency/list_expired", kept_s=KEYS_KEPT_S, max_rows=_KEYS_AT_ONCE)
    for user_id, keys in _by_tenant(rows).items():
        await database.exec(
            "idempotency/delete_expired",
            user_id=user_id,
            routes=[key.route for key in keys],
            keys=[key.key for key in keys],
            kept_s=KEYS_KEPT_S,
        )
    return len(rows)


async def _deleted(sweep: Awaitable[int], kind: str) -> int:
    try:
        return await sweep
    except CabinetError as error:
        logger.warning("%s were not deleted: %s", kind, error.detail)
        return 0


class _Owned(Protocol):
    @property
    def user_id(self) -> UUID: ...


class _Expired(_Owned, Protocol):
    @property
    def id(self) -> UUID: ...

    @property
    def part_count(self) -> int: ...


Owned = TypeVar("Owned", bound=_Owned)


def _by_tenant(rows: Sequence[Owned]) -> dict[UUID, list[Owned]]:
    by_tenant: dict[UUID, list[Owned]] = {}
    for row in rows:
        by_tenant.setdefault(row.user_id, []).append(row)
    return by_tenant


def _batches(rows: Sequence[_Expired]) -> Iterator[tuple[UUID, list[UUID]]]:
    """Yield the ids of each tenant in batches with at most `ERASED_MESSAGES` parts."""
    for user_id, own in _by_tenant(rows).items():
        batch: list[UUID] = []
        parts = 0
        for row in own:
            if batch and parts + row.part_count > batches.ERASED_MESSAGES:
                yield user_id, batch
                batch, parts = [], 0
            batch.append(row.id)
            parts += row.part_count
        yield user_id, batch


def _note(kind: str, deleted: int) -> None:
    if deleted:
        metrics.expired_total.labels(kind).inc(deleted)
        logger.info("deleted %d expired %s", deleted, kind)
