"""Storing a received file as a document: `sql/documents/create.sql`, after `sql/file_parts/` for a large file."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct, field

from svc.database import rows as r
from svc.database.calls import Queries
from svc.database.deadline import database_budget
from svc.fields.validation import Faults
from svc.fields.values import Metadata, Moment, check_future, check_metadata
from svc.ingest.file_bytes import FileBytes
from svc.ingest.formats import StoredType


class GivenFields(Struct, frozen=True, kw_only=True):
    """The columns, besides the name, that a client sets with an upload in any form."""

    metadata: Metadata = field(default_factory=dict)
    expires_at: Moment | None = None

    def check_given(self, faults: Faults) -> None:
        """Check the constraints that the types of these fields do not express."""
        faults.check(check_metadata, self.metadata, "metadata")
        faults.check(check_future, self.expires_at, "expires_at")


class NewDocument(GivenFields, frozen=True, kw_only=True):
    """The fields that are stored with the bytes of a file; `sql/documents/create.sql` explains them."""

    filename: str
    file_type: StoredType
    content_hash: UUID
    replaces: str | None = None
    expires_after_s: int | None = None
    purpose: str | None = None
    is_read: bool = True
    charset: str | None = None


async def create_document(queries: Queries, tenant: UUID, file: FileBytes, new: NewDocument) -> r.DocumentsGet | None:
    """Store a document with its bytes. A file in parts needs a transaction, so that all parts are stored or none.

    Returns None if a limit of the user's plan is reached, or the user does not exist.

    Raises:
        ConstraintError: another request has used up a limit meanwhile.
    """
    if not file.is_in_parts:
        return await _create(queries, tenant, new, file.size, content=await file.whole())
    document_id = await _store_parts(queries, tenant, file, new.charset)
    if document_id is None:
        return None
    return await create_of_parts(queries, tenant, document_id, file.size, new)


async def create_of_parts(
    queries: Queries, tenant: UUID, document_id: UUID, file_size: int, new: NewDocument
) -> r.DocumentsGet | None:
    """Make a document from the parts that this transaction has stored, after `file_parts/begin`.

    Returns and raises as `create_document`.
    """
    return await _create(queries, tenant, new, file_size, document_id=document_id)


async def _create(
    queries: Queries,
    tenant: UUID,
    new: NewDocument,
    file_size: int,
    *,
    content: bytes | None = None,
    document_id: UUID | None = None,
) -> r.DocumentsGet | None:
    return await queries.one(
        "documents/create",
        user_id=tenant,
        filename=new.filename,
        file_type=new.file_type,
        metadata=new.metadata,
        content=content,
        content_hash=new.content_hash,
        replaces=new.replaces,
        expires_at=new.expires_at,
        expires_after_s=new.expires_after_s,
        purpose=new.purpose,
        is_read=new.is_read,
        charset=new.charset,
        document_id=document_id,
        file_size=file_size,
    )


async def _store_parts(queries: Queries, tenant: UUID, file: FileBytes, charset: str | None) -> UUID | None:
    """Store the parts of a file, and return the id for its document; None if a limit is reached."""
    # The time limit applies to each statement, and a large file takes many.
    with database_budget(None):
        document_id = await queries.value("file_parts/begin", user_id=tenant, file_size=file.size, charset=charset)
    if document_id is not None:
        await append_parts(queries, tenant, document_id, file)
    return document_id


async def append_parts(queries: Queries, tenant: UUID, document_id: UUID, file: FileBytes) -> None:
    """Store the parts of a file, in the transaction that has stored the document or upload to which they belong."""
    with database_budget(None):
        first = 0
        async for part in file.parts():
            await queries.exec(
                "file_parts/append", user_id=tenant, document_id=document_id, first_byte=first, content=part
            )
            first += len(part)


async def file_hash(file: FileBytes) -> UUID:
    """The first half of the SHA-256 of a file as a UUID, the same form as the hash of a chunk."""
    return UUID(bytes=(await file.digest())[:16])
