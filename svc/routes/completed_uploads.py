"""Completing an upload: its parts, in the order given by the client, become the bytes of a document.

The bytes are read once, part by part, for their digests; then they are copied within the database, in one transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from svc import batches
from svc.database import rows as r
from svc.database.deadline import database_budget
from svc.database.failures import ConstraintError
from svc.database.queries import Database, Transaction
from svc.errors import InvalidRequestError
from svc.ingest.file_bytes import MAX_PART_BYTES, FileBytes
from svc.ingest.file_types import SEARCH_BYTES
from svc.ingest.stored_files import stored_type
from svc.jobs.expired_uploads import erase_bytes
from svc.routes.new_documents import NewDocument, create_document, create_of_parts
from svc.routes.pending_uploads import check_pending, end_upload, held_upload, quota_error, read_upload


class _Digests:
    """The digests of a stream of bytes, with its beginning and its end."""

    def __init__(self) -> None:
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.sha256 = hashlib.sha256()
        self.beginning = bytearray()
        self.end = bytearray()

    def add(self, content: bytes) -> None:
        """Take the next bytes; takes a few milliseconds for a megabyte."""
        self.md5.update(content)
        self.sha256.update(content)
        taken = min(len(content), SEARCH_BYTES - len(self.beginning))
        self.beginning += content[:taken]
        self.end += content[taken:]
        del self.end[:-SEARCH_BYTES]


class Completion(Struct, frozen=True):
    """How an upload is completed: with these parts, whose bytes must have this MD5 checksum if one is given, as a
    document that is deleted `expires_after_s` seconds later (None: never). `images`: whether images can be read."""

    part_ids: Sequence[UUID]
    md5: str | None
    expires_after_s: int | None
    images: bool


class _Source(Struct, frozen=True):
    """An upload, and its parts in their order, each with its size."""

    tenant: UUID
    upload: r.UploadsGet
    parts: Sequence[tuple[UUID, int]]


async def complete_upload(
    database: Database, tenant: UUID, upload: r.UploadsGet, completion: Completion
) -> tuple[r.UploadsGet, r.DocumentsGet]:
    """Make a document from the parts of an upload. It is stored, but not read.

    Raises:
        NotFoundError: there is no such upload.
        InvalidRequestError: it has ended, parts are missing, or their digest is not `md5`.
        QuotaExceededError: the user's plan does not have room for it.
    """
    check_pending(upload)
    # A large file takes any number of statements, each of which has a separate time limit.
    with database_budget(None):
        source = _Source(tenant, upload, await _parts(database, tenant, upload, completion.part_ids))
        digests = await _digests(database, source)
        if completion.md5 is not None and digests.md5.hexdigest() != completion.md5.strip().lower():
            raise InvalidRequestError("md5 is not the MD5 checksum of the bytes of the parts", field="md5")
        new = NewDocument(
            filename=upload.filename,
            file_type=await stored_type(
                upload.filename, FileBytes.of(bytes(digests.beginning + digests.end)), images=completion.images
            ),
            content_hash=UUID(bytes=digests.sha256.digest()[:16]),
            expires_after_s=completion.expires_after_s,
            purpose=upload.purpose,
            is_read=False,
        )
        document, refusal = None, None
        try:
            async with database.transaction() as transaction:
                await held_upload(transaction, tenant, upload.id)
                document = await _document(transaction, source, bytes(digests.beginning), new)
                if document is not None:
                    await end_upload(transaction, tenant, upload.id, "completed", document.id)
                    upload = await read_upload(transaction, tenant, upload.id)
        except ConstraintError as error:
            document, refusal = None, error
        if document is None:
            raise await quota_error(database, tenant, upload.file_bytes, refusal)
        await erase_bytes(database, tenant, upload.id)
    return upload, document


async def _parts(
    database: Database, tenant: UUID, upload: r.UploadsGet, part_ids: Sequence[UUID]
) -> list[tuple[UUID, int]]:
    """Return the parts of a completion, each with its size, in the given order."""
    seen: set[UUID] = set()
    for index, part_id in enumerate(part_ids):
        if part_id in seen:
            raise InvalidRequestError(f"part_ids[{index}] is given twice", field=f"part_ids[{index}]")
        seen.add(part_id)
    rows = await database.many(
        "upload_parts/list", user_id=tenant, upload_id=upload.id, part_ids=list(part_ids), max_rows=len(part_ids)
    )
    sizes = {row.id: row.part_bytes for row in rows}
    for index, part_id in enumerate(part_ids):
        if part_id not in sizes:
            field = f"part_ids[{index}]"
            raise InvalidRequestError(f"{field} is not the id of a part of this upload", field=field)
    if (total := sum(sizes.values())) != upload.file_bytes:
        raise InvalidRequestError(
            f"the parts have {total:,} bytes together, not the {upload.file_bytes:,} of the upload", field="part_ids"
        )
    return [(part_id, sizes[part_id]) for part_id in part_ids]


async def _digests(database: Database, source: _Source) -> _Digests:
    tenant, upload = source.tenant, source.upload
    digests = _Digests()
    for part_id, size in source.parts:
        for first in range(0, size, MAX_PART_BYTES):
            row = await database.one(
                "upload_parts/content", user_id=tenant, upload_id=upload.id, part_id=part_id, first_byte=first
            )
            if row is None:
                # Another request has completed, cancelled or erased it.
                check_pending(await read_upload(database, tenant, upload.id))
                raise InvalidRequestError("a part of the upload is missing; send it again", field="part_ids")
            await asyncio.to_thread(digests.add, row.content)
    return digests


async def _document(
    transaction: Transaction, source: _Source, beginning: bytes, new: NewDocument
) -> r.DocumentsGet | None:
    tenant, upload = source.tenant, source.upload
    if upload.file_bytes <= MAX_PART_BYTES:
        return await create_document(transaction, tenant, FileBytes.of(beginning), new)
    document_id = await transaction.value("file_parts/begin", user_id=tenant, file_size=upload.file_bytes, charset=None)
    if document_id is None:
        return None
    place = 0
    for part_id, size in source.parts:
        for first in range(0, size, batches.COPIED_BYTES):
            await transaction.exec(
                "upload_parts/give",
                user_id=tenant,
                upload_id=upload.id,
                part_id=part_id,
                document_id=document_id,
                place=place,
                first_byte=first,
                end_byte=first + batches.COPIED_BYTES,
            )
        place += size
    return await create_of_parts(transaction, tenant, document_id, upload.file_bytes, new)
