"""Uploads in several requests: `sql/uploads/`. Parts are stored as they arrive, and completion makes a document.

An upload is pending until it is completed or cancelled, or until it expires. Only a pending upload takes parts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from svc.access.quotas import broken_quota, quotas_of
from svc.accounts.quotas import refused
from svc.database import rows as r
from svc.database.calls import Queries
from svc.database.deadline import database_budget
from svc.database.failures import ConstraintError
from svc.database.queries import Database
from svc.errors import CabinetError, InvalidRequestError, NotFoundError, UnauthenticatedError
from svc.ingest.file_bytes import FileBytes
from svc.jobs.expired_uploads import erase_bytes

EXPIRES_AFTER_S: Final = 3600.0
"""Seconds from the creation of an upload until it expires, as in the OpenAI API."""
MOST_PENDING: Final = 10
"""The maximum number of pending uploads of a user."""
MOST_PARTS: Final = 2_000
"""The maximum number of parts of an upload, including parts that its completion does not name."""
MOST_PART_BYTES: Final = 64 * 2**20
"""The maximum size of a part in bytes, as in the OpenAI API."""


class NewUpload(Struct, frozen=True):
    """A new upload: the file that its parts are to form."""

    filename: str
    purpose: str
    mime_type: str
    file_bytes: int
    file_expires_after_s: int | None


class AddedPart(Struct, frozen=True):
    """A part of an upload."""

    id: UUID
    created_at: datetime


async def create_upload(database: Database, tenant: UUID, new: NewUpload) -> r.UploadsGet:
    """Create an upload.

    Raises:
        InvalidRequestError: the user has too many pending ones.
        QuotaExceededError: the user's plan does not have room for the file and the pending uploads.
    """
    async with database.transaction() as transaction:
        await transaction.exec("uploads/lock_user", user_id=tenant)
        pending = await transaction.one("uploads/pending", user_id=tenant, max_rows=MOST_PENDING)
        assert pending is not None
        if pending.pending_count >= MOST_PENDING:
            raise InvalidRequestError(f"you have {MOST_PENDING} pending uploads, the maximum; complete or cancel one")
        limits = await transaction.one("usage/quotas", user_id=tenant)
        if limits is None:
            raise UnauthenticatedError("the user of this key no longer exists")
        quotas = quotas_of(limits)
        quotas["documents"].check(1 + pending.pending_count)
        quotas["bytes"].check(new.file_bytes + pending.pending_bytes)
        upload_id = await transaction.value(
            "uploads/create",
            user_id=tenant,
            filename=new.filename,
            purpose=new.purpose,
            mime_type=new.mime_type,
            file_bytes=new.file_bytes,
            file_expires_after_s=new.file_expires_after_s,
            expires_after_s=EXPIRES_AFTER_S,
        )
        return await read_upload(transaction, tenant, upload_id)


async def read_upload(queries: Queries, tenant: UUID, upload_id: UUID) -> r.UploadsGet:
    """Return an upload.

    Raises:
        NotFoundError: there is no such upload.
    """
    row = await queries.one("uploads/get", user_id=tenant, upload_id=upload_id)
    if row is None:
        raise NotFoundError("there is no such upload")
    return row


async def add_part(database: Database, tenant: UUID, upload_id: UUID, data: FileBytes) -> AddedPart:
    """Store a part of an upload.

    Raises:
        NotFoundError: there is no such upload.
        InvalidRequestError: the upload has ended, is full, or the part is empty.
    """
    check_pending(await read_upload(database, tenant, upload_id))
    if not data.size:
        raise InvalidRequestError("data is empty; send at least one byte", field="data")
    # The time limit applies to each statement, and a part takes up to 64.
    with database_budget(None):
        async with database.transaction() as transaction:
            part = await transaction.one(
                "upload_parts/create", user_id=tenant, upload_id=upload_id, part_bytes=data.size
            )
            if part is None:
                raise _ended(await read_upload(transaction, tenant, upload_id))
            first = 0
            async for content in data.parts():
                await transaction.exec(
                    "upload_parts/append",
                    user_id=tenant,
                    upload_id=upload_id,
                    part_id=part.id,
                    first_byte=first,
                    content=content,
                )
                first += len(content)
            # While this part was being stored, the upload may have ended or got other parts.
            _check_room(await held_upload(transaction, tenant, upload_id))
    return AddedPart(part.id, part.created_at)


async def held_upload(queries: Queries, tenant: UUID, upload_id: UUID) -> r.UploadsGet:
    """Return a pending upload, locked until the end of the transaction.

    Raises:
        NotFoundError, InvalidRequestError: there is no such upload, or it has ended.
    """
    await queries.exec("uploads/hold", user_id=tenant, upload_id=upload_id)
    row = await read_upload(queries, tenant, upload_id)
    check_pending(row)
    return row


async def cancel_upload(database: Database, tenant: UUID, upload_id: UUID) -> r.UploadsGet:
    """Cancel an upload, and erase its parts.

    Raises:
        NotFoundError, InvalidRequestError: there is no such upload, or it has ended.
    """
    async with database.transaction() as transaction:
        await held_upload(transaction, tenant, upload_id)
        await end_upload(transaction, tenant, upload_id, "cancelled", None)
        row = await read_upload(transaction, tenant, upload_id)
    with database_budget(None):
        await erase_bytes(database, tenant, upload_id)
    return row


async def end_upload(
    queries: Queries, tenant: UUID, upload_id: UUID, status: Literal["completed", "cancelled"], file_id: UUID | None
) -> None:
    """Mark a locked upload as ended."""
    await queries.exec("uploads/end", user_id=tenant, upload_id=upload_id, status=status, file_id=file_id)


def check_pending(row: r.UploadsGet) -> None:
    """Check that an upload has not ended.

    Raises:
        InvalidRequestError: it has.
    """
    if row.status != "pending" or row.is_expired:
        raise _ended(row)


def _ended(row: r.UploadsGet) -> InvalidRequestError:
    status = "expired" if row.status == "pending" else row.status
    return InvalidRequestError(f"the upload is {status}; create another one", code=f"upload_{status}")


def _check_room(row: r.UploadsGet) -> None:
    # A client that gets no answer sends a part again, so the parts may be larger than the file.
    if row.part_count > MOST_PARTS:
        raise InvalidRequestError(f"the upload has {MOST_PARTS:,} parts, the maximum; send larger ones", field="data")
    if row.part_bytes > 2 * row.file_bytes:
        raise InvalidRequestError(
            f"the parts have {row.part_bytes:,} bytes, more than twice the {row.file_bytes:,} of the upload",
            field="data",
        )


async def quota_error(database: Database, tenant: UUID, file_bytes: int, error: ConstraintError | None) -> CabinetError:
    """Return the error for a file that exceeds a limit of the user's plan; other errors are returned unchanged."""
    if error is not None and broken_quota(error.constraint) is None:
        raise error
    return await refused(database, tenant, {"documents": 1, "bytes": file_bytes})
