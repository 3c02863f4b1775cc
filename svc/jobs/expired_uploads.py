"""Erases the bytes of uploads that ended, and deletes the uploads that have expired: `sql/uploads/`."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from svc import batches
from svc.database.queries import Database

EXPIRED_UPLOADS_AT_ONCE: Final = 100


async def sweep_uploads(database: Database) -> int:
    """Delete one batch of expired uploads, including completed and cancelled ones; returns how many were found."""
    rows = await database.many("uploads/list_expired", max_rows=EXPIRED_UPLOADS_AT_ONCE)
    for row in rows:
        await erase_bytes(database, row.user_id, row.id)
        await database.exec("uploads/delete_expired", user_id=row.user_id, upload_id=row.id)
    return len(rows)


async def erase_bytes(database: Database, user_id: UUID, upload_id: UUID) -> None:
    """Erase the bytes of an upload that is no longer pending, in bounded statements.

    If this is interrupted, the sweep erases the rest when the upload expires.
    """
    while await database.exec(
        "upload_parts/erase", user_id=user_id, upload_id=upload_id, max_rows=batches.SWEPT_FILE_PARTS
    ):
        pass
