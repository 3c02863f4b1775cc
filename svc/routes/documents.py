"""Documents and their chunks: `sql/documents/`, `sql/chunks/`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType
from starlette.responses import Response

from svc.access.quotas import broken_quota
from svc.database.failures import ConstraintError
from svc.database.queries import Queries, Row
from svc.errors import ConflictError, InvalidRequestError, NotFoundError
from svc.fields.validation import Faults
from svc.fields.values import Filename, Metadata, Moment, check_future, check_metadata, check_text
from svc.ingest.file_types import FileType, detect_file_type
from svc.routes.idempotency import HEADER, run_once
from svc.routes.pages import Limit, Page, PositionPageQuery, one_more, page
from svc.routes.quotas import refused_upload
from svc.routes.uploads import Upload, UploadDocument, file_hash, read_upload
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("documents")

Status = Literal["processing", "ready", "error"]


class Document(Struct, frozen=True):
    """An uploaded file and the state of its ingestion.

    `progress` goes from 0 to 1; `error` says why, when `status` is error, or what is waited for while it is processing.
    Within a minute of `expires_at` the document is deleted; null: it stays.
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
    metadata: dict[str, Any]
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Chunk(Struct, frozen=True):
    """A piece of a document's text, as it is found and cited."""

    id: UUID
    document_id: UUID
    chunk_index: int
    content: str
    token_count: int
    metadata: dict[str, Any]
    created_at: datetime


class UpdateDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays as it is. Metadata is replaced as a whole."""

    filename: Filename | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET


class DocumentsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of the documents, all or those of one status."""

    limit: Limit = 20
    after: UUID | None = None
    status: Status | None = None


@routes.post(
    "/documents",
    status=202,
    errors=(409, 413, 415),
    upload=UploadDocument,
    once=True,
    answers={200: Document},
    example={
        "filename": "moon.md",
        "content": "# The Moon\n\nThe Moon is 384,400 km away.",
        "metadata": {"topic": "astronomy"},
    },
)
async def upload_document(call: Call) -> Document:
    """Upload a document.

    Either JSON `{filename, content, metadata}` or multipart/form-data with the part `file` and, if wanted, `filename`
    and `metadata` (JSON). Answers at once; a worker reads, splits and embeds it: follow `status` and `progress`. The
    type is found by the content: plain text, Markdown, HTML, PDF, CSV or DOCX.

    `on_conflict` is for files that are uploaded again. With `replace` the earlier documents of this name are found
    until this one is ready, and are gone from then on; where it fails they stay. With `skip` nothing is uploaded where
    a document of this name has the same content: the answer is that document, with 200.
    """
    tenant = call.principal.tenant
    upload = await read_upload(call.request, call.services.settings.max_upload_bytes)
    faults = Faults()
    faults.check(check_text, upload.filename, "filename")
    faults.check(check_metadata, upload.metadata, "metadata")
    faults.check(check_future, upload.expires_at, "expires_at")
    faults.check(_check_not_empty, upload.content, "content")
    faults.raise_if_any()
    content_hash = await file_hash(upload.content)
    arguments = {
        "filename": upload.filename,
        "file_type": detect_file_type(upload.filename, upload.content),
        "metadata": upload.metadata,
        "content": upload.content,
        "content_hash": content_hash,
        "replaces": upload.filename if upload.on_conflict == "replace" else None,
        "expires_at": upload.expires_at,
    }

    async def find_same(queries: Queries) -> Document | None:
        await queries.exec("documents/lock_name", user_id=tenant, filename=upload.filename)
        row = await queries.one(
            "documents/find_same",
            user_id=tenant,
            filename=upload.filename,
            file_size=len(upload.content),
            content_hash=content_hash,
        )
        return None if row is None else _document(row)

    async def create(queries: Queries) -> Document:
        if upload.on_conflict == "skip" and (same := await find_same(queries)) is not None:
            call.answer_status = 200
            return same
        row = await queries.one("documents/create", user_id=tenant, **arguments)
        if row is None:
            raise await refused_upload(queries, tenant, len(upload.content))
        return _document(row)

    async def get_again(queries: Queries, created: dict[str, Any]) -> Document:
        row = await queries.one("documents/get", user_id=tenant, document_id=UUID(created["document_id"]))
        if row is None:
            raise ConflictError("the document that was uploaded with this key has been deleted", field=HEADER)
        return _document(row)

    try:
        return await run_once(
            call,
            lambda: _asked_for(upload),
            create,
            lambda document: {"document_id": document.id},
            get_again,
            in_transaction=upload.on_conflict == "skip",
        )
    except ConstraintError as error:
        if broken_quota(error.constraint) is None:
            raise
        # Another upload took what was left between the first look and the last.
        raise await refused_upload(call.services.database, tenant, len(upload.content)) from None


@routes.get("/documents")
async def list_documents(call: Call, query: DocumentsQuery) -> Page[Document]:
    """List your documents, newest first; `status` keeps one status."""
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
    return page(rows, query.limit, lambda row: Document(**row))


@routes.get("/documents/{document_id}", errors=(404,))
async def get_document(call: Call) -> Document:
    """Get a document with the state of its ingestion."""
    return _document(
        await call.services.database.one(
            "documents/get",
            user_id=call.principal.tenant,
            document_id=call.path_id("document_id", "document"),
        )
    )


@routes.get("/documents/{document_id}/content", errors=(404,), produces="application/octet-stream")
async def download_document(call: Call) -> Response:
    """Download the bytes of a document, as they were uploaded."""
    row = await call.services.database.one(
        "documents/content",
        user_id=call.principal.tenant,
        document_id=call.path_id("document_id", "document"),
    )
    if row is None:
        raise NotFoundError("there is no such document")
    # As an attachment of no particular type: a browser must not run an uploaded page as one of ours.
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row['filename'], safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(row["content"], headers=headers, media_type="application/octet-stream")


@routes.patch("/documents/{document_id}", errors=(404,), example={"metadata": {"topic": "astronomy", "reviewed": True}})
async def update_document(call: Call, body: UpdateDocument) -> Document:
    """Rename a document, replace its metadata, or say when it ends."""
    faults = Faults()
    faults.check(check_text, body.filename, "filename")
    faults.check(check_metadata, body.metadata, "metadata")
    faults.check(check_future, body.expires_at, "expires_at")
    faults.raise_if_any()
    expires_at = None if body.expires_at is UNSET else body.expires_at
    return _document(
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
        "documents/delete", user_id=call.principal.tenant, document_id=call.path_id("document_id", "document")
    )
    if not deleted:
        raise NotFoundError("there is no such document")


@routes.get("/documents/{document_id}/chunks", errors=(404,))
async def list_chunks(call: Call, query: PositionPageQuery) -> Page[Chunk]:
    """List the chunks of a document in their order."""
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
        _document(await database.one("documents/get", user_id=tenant, document_id=document_id))
    return page(rows, query.limit, lambda row: Chunk(**row), cursor="chunk_index")


@routes.post("/documents/{document_id}/retry", status=202, errors=(404, 409))
async def retry_document(call: Call) -> Document:
    """Ingest a failed document again."""
    database, tenant = call.services.database, call.principal.tenant
    document_id = call.path_id("document_id", "document")
    row = await database.one("documents/retry", user_id=tenant, document_id=document_id)
    if row is None:
        document = _document(await database.one("documents/get", user_id=tenant, document_id=document_id))
        raise ConflictError(f"only a document in status error can be retried; this one is {document.status}")
    return _document(row)


def _asked_for(upload: Upload) -> list[bytes]:
    """All that an upload asks for, in bytes; what is left out takes none, so that older keys stay good."""
    parts = [upload.filename.encode(), msgspec.json.encode(upload.metadata, order="sorted"), upload.content]
    if upload.on_conflict != "new" or upload.expires_at is not None:
        parts.append(msgspec.json.encode([upload.on_conflict, upload.expires_at]))
    return parts


def _check_not_empty(content: bytes, field: str) -> None:
    if not content:
        raise InvalidRequestError(f"{field} is empty; send a document with text in it", field=field)


def _document(row: Row | None) -> Document:
    if row is None:
        raise NotFoundError("there is no such document")
    return Document(**row)
