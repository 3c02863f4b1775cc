"""Documents and their chunks: `sql/documents/`, `sql/chunks/`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal, cast
from urllib.parse import quote
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from starlette.responses import Response, StreamingResponse

from svc import batches
from svc.database import rows as r
from svc.errors import ConflictError, NotFoundError
from svc.fields.validation import Faults
from svc.fields.values import Filename, Metadata, Moment, check_future, check_metadata, check_text
from svc.ingest.formats import FileType
from svc.routes.pages import Limit, Page, PositionPageQuery, one_more, page
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("documents")

# A file is read in parts that grow: the first is enough for most files, and one statement for each part costs little
# compared with the largest.
_FIRST_PART_BYTES = 64 * 1024
_MAX_PART_BYTES = 2 * 2**20

Status = Literal["processing", "ready", "error"]


class Document(Struct, frozen=True):
    """An uploaded file and the state of its ingestion.

    `progress` goes from 0 to 1. `warnings` say what was not read of the file, and where. `error` is the reason for
    status `error`, or the reason for a wait while the status is `processing`. The document is deleted within a minute
    after `expires_at`; null means never.
    """

    id: UUID
    filename: str
    file_type: FileType
    file_size: int
    status: Status
    error: str | None
    attempt: int
    lease_expires_at: datetime | None
    progress: float
    chunk_count: int
    warnings: list[str]
    metadata: dict[str, Any]
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Chunk(Struct, frozen=True):
    """A piece of a document's text, the unit of search and citation.

    `metadata` contains the headings above it (`heading`), its place in the text in characters (`start`, `end`), and its
    place in the file, such as `page`.
    """

    id: UUID
    document_id: UUID
    chunk_index: int
    content: str
    token_count: int
    metadata: dict[str, Any]
    created_at: datetime


class UpdateDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields to change. Omitted fields keep their values. Metadata is replaced as a whole."""

    filename: Filename | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET


class DocumentsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The page of documents to list, all or those with one status."""

    limit: Limit = 20
    after: UUID | None = None
    status: Status | None = None


@routes.get("/documents")
async def list_documents(call: Call, query: DocumentsQuery) -> Page[Document]:
    """List your documents, newest first, all or those with one `status`."""
    database, tenant, max_rows = call.services.database, call.principal.tenant, one_more(query.limit)
    if query.status is None:
        rows = await database.many("documents/list", user_id=tenant, after=query.after, max_rows=max_rows)
    else:
        rows = await database.many(
            "documents/list_by_status",
            user_id=tenant,
            status=query.status,
            after=query.after,
            max_rows=max_rows,
        )
    return page(rows, query.limit, document_of, lambda row: row.id)


@routes.get("/documents/{document_id}", errors=(404,))
async def get_document(call: Call) -> Document:
    """Get a document with the state of its ingestion."""
    return document_of(
        await call.services.database.one(
            "documents/get",
            user_id=call.principal.tenant,
            document_id=call.path_id("document_id", "document"),
        )
    )


@routes.get("/documents/{document_id}/content", errors=(404,), produces="application/octet-stream")
async def download_document(call: Call) -> Response:
    """Download the bytes of a document as they were uploaded."""
    document_id = call.path_id("document_id", "document")
    row = await _content(call, document_id, 0, _FIRST_PART_BYTES)
    # An attachment without a specific type: a browser must not run an uploaded page in the service's origin.
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row.filename, safe='')}",
        "Content-Length": str(row.file_bytes),
        "X-Content-Type-Options": "nosniff",
    }
    if row.file_bytes == len(row.content) or call.request.method == "HEAD":
        return Response(row.content, headers=headers, media_type="application/octet-stream")
    parts = _parts(call, document_id, row)
    return StreamingResponse(parts, headers=headers, media_type="application/octet-stream")


async def _parts(call: Call, document_id: UUID, first: r.DocumentsContent) -> AsyncIterator[bytes]:
    """Yield the file. If the document is deleted meanwhile, the answer ends early, which its length shows."""
    yield first.content
    sent, size = len(first.content), _FIRST_PART_BYTES
    while sent < first.file_bytes:
        size = min(size * 4, _MAX_PART_BYTES)
        row = await _content(call, document_id, sent, size)
        yield row.content
        sent += len(row.content)


async def _content(call: Call, document_id: UUID, first_byte: int, max_bytes: int) -> r.DocumentsContent:
    row = await call.services.database.one(
        "documents/content",
        user_id=call.principal.tenant,
        document_id=document_id,
        first_byte=first_byte,
        max_bytes=max_bytes,
    )
    if row is None:
        raise NotFoundError("there is no such document")
    return row


@routes.patch("/documents/{document_id}", errors=(404,), example={"metadata": {"topic": "astronomy", "reviewed": True}})
async def update_document(call: Call, body: UpdateDocument) -> Document:
    """Change a document's filename, metadata or expiry."""
    faults = Faults()
    faults.check(check_text, body.filename, "filename")
    faults.check(check_metadata, body.metadata, "metadata")
    faults.check(check_future, body.expires_at, "expires_at")
    faults.raise_if_any()
    expires_at = None if body.expires_at is UNSET else body.expires_at
    return document_of(
        await call.services.database.one(
            "documents/update",
            user_id=call.principal.tenant,
            document_id=call.path_id("document_id", "document"),
            filename=None if body.filename is UNSET else body.filename,
            metadata=None if body.metadata is UNSET else body.metadata,
            set_expires_at=body.expires_at is not UNSET,
            expires_at=expires_at,
        )
    )


@routes.delete("/documents/{document_id}", errors=(404,))
async def delete_document(call: Call) -> None:
    """Delete a document with its bytes, chunks and vectors."""
    deleted = await call.services.database.exec(
        "documents/delete",
        user_id=call.principal.tenant,
        document_id=call.path_id("document_id", "document"),
        max_parts=batches.ERASED_PARTS,
    )
    if not deleted:
        raise NotFoundError("there is no such document")


@routes.get("/documents/{document_id}/chunks", errors=(404,))
async def list_chunks(call: Call, query: PositionPageQuery) -> Page[Chunk]:
    """List the chunks of a document in order."""
    database, tenant = call.services.database, call.principal.tenant
    document_id = call.path_id("document_id", "document")
    rows = await database.many(
        "chunks/list_by_document",
        user_id=tenant,
        document_id=document_id,
        after=-1 if query.after is None else query.after,
        max_rows=one_more(query.limit),
    )
    if not rows:
        document_of(await database.one("documents/get", user_id=tenant, document_id=document_id))
    return page(rows, query.limit, _chunk, lambda row: row.chunk_index)


@routes.post("/documents/{document_id}/retry", status=202, errors=(404, 409))
async def retry_document(call: Call) -> Document:
    """Ingest a failed document again."""
    database, tenant = call.services.database, call.principal.tenant
    document_id = call.path_id("document_id", "document")
    row = await database.one("documents/retry", user_id=tenant, document_id=document_id)
    if row is None:
        document = document_of(await database.one("documents/get", user_id=tenant, document_id=document_id))
        raise ConflictError(
            f"only a document with status error can be retried; the status of this one is {document.status}"
        )
    return document_of(row)


def document_of(row: r.DocumentsGet | None) -> Document:
    """Convert a row to a document.

    Raises:
        NotFoundError: the row is None.
    """
    if row is None:
        raise NotFoundError("there is no such document")
    return Document(
        id=row.id,
        filename=row.filename,
        file_type=row.file_type,
        file_size=row.file_size,
        status=cast(Status, row.status),
        error=row.error,
        attempt=row.attempt,
        lease_expires_at=row.lease_expires_at,
        progress=row.progress,
        chunk_count=row.chunk_count,
        warnings=row.warnings,
        metadata=row.metadata,
        expires_at=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _chunk(row: r.ChunksListByDocument) -> Chunk:
    return Chunk(
        id=row.id,
        document_id=row.document_id,
        chunk_index=row.chunk_index,
        content=row.content,
        token_count=row.token_count,
        metadata=row.metadata,
        created_at=row.created_at,
    )
