"""Uploading a document: `sql/documents/`."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from msgspec import structs

from svc.access.quotas import QuotaName, broken_quota
from svc.accounts.quotas import refused
from svc.database.calls import Queries
from svc.database.failures import ConstraintError
from svc.errors import ConflictError, ForbiddenError
from svc.ingest.file_types import detect_file_type
from svc.ingest.formats import FileType
from svc.routes.chunk_bodies import ChunkLimits
from svc.routes.documents import Document, document_of
from svc.routes.idempotency import HEADER, once
from svc.routes.limited_keys import put_into
from svc.routes.new_documents import NewDocument, create_document, file_hash
from svc.routes.upload_bodies import Upload, UploadChunks, UploadDocument, received_upload
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("documents")

_DETECTED_AT_ONCE_BYTES = 256 * 2**10


@routes.post(
    "/documents",
    status=202,
    errors=(409, 413, 415),
    upload=UploadDocument,
    upload_chunks=UploadChunks,
    once=True,
    within=True,
    answers={200: Document},
    example={
        "filename": "moon.md",
        "content": "# The Moon\n\nThe Moon is 384,400 km away.",
        "metadata": {"topic": "astronomy"},
    },
)
async def upload_document(call: Call) -> Document:
    """Upload a document.

    Send either JSON `{filename, content, metadata}` or multipart/form-data with the part `file` and, optionally,
    `filename` and `metadata` (JSON). JSON with `chunks` instead of `content` stores chunks that you have made. The
    route answers immediately; a worker parses, splits and embeds the document, as `status` and `progress` show. The
    content determines the type.

    `on_conflict` is for files that are uploaded again. With `replace`, earlier documents with the same name remain
    searchable until this one is ready, and are then deleted; if this one fails, they stay. With `skip`, nothing is
    uploaded if a document with the same name has the same content; the answer is that document, with status 200.
    """
    settings = call.services.settings
    limits = ChunkLimits(call.services.provider.dimensions, settings.max_chunks)
    async with received_upload(call.request, settings.max_upload_bytes, limits) as upload:
        return await _stored(call, upload)


async def _stored(call: Call, upload: Upload) -> Document:
    tenant, is_limited = call.principal.tenant, call.principal.collection_id is not None
    if is_limited and upload.on_conflict != "new":
        raise ForbiddenError(
            "on_conflict concerns all documents of a name; this API key is limited to one collection",
            field="on_conflict",
        )
    content_hash = await file_hash(upload.content)
    file_type = await _file_type(upload, images=call.services.settings.ocr)
    in_transaction = upload.on_conflict == "skip" or upload.content.is_in_parts or is_limited
    try:
        async with once(call, await upload.parts(), in_transaction=in_transaction) as request:
            if request.earlier is not None:
                return await _uploaded_before(request.queries, tenant, request.earlier)
            document = await _find_same(request.queries, tenant, upload, content_hash)
            if document is not None:
                call.answer_status = 200
            else:
                document = await _create(request.queries, tenant, upload, file_type, content_hash)
                await put_into(call, request.queries, document.id)
            await request.keep({"document_id": document.id})
            return document
    except ConstraintError as error:
        if broken_quota(error.constraint) is None:
            raise
        # Another upload used up the quota between the check and the insertion.
        raise await refused(call.services.database, tenant, _amounts(upload)) from None


async def _find_same(queries: Queries, tenant: UUID, upload: Upload, content_hash: UUID) -> Document | None:
    """Return the document that makes this upload redundant, if `on_conflict` is `skip`."""
    if upload.on_conflict != "skip":
        return None
    await queries.exec("documents/lock_name", user_id=tenant, filename=upload.filename)
    row = await queries.one(
        "documents/find_same",
        user_id=tenant,
        filename=upload.filename,
        file_size=upload.content.size,
        content_hash=content_hash,
    )
    return None if row is None else document_of(row)


async def _file_type(upload: Upload, *, images: bool) -> FileType:
    """Detect the type, in a thread if this may read megabytes."""
    if upload.file_type is not None:
        return upload.file_type
    sample = await upload.content.sample()
    if len(sample) <= _DETECTED_AT_ONCE_BYTES:
        return detect_file_type(upload.filename, sample, images=images)
    return await asyncio.to_thread(detect_file_type, upload.filename, sample, images=images)


async def _create(queries: Queries, tenant: UUID, upload: Upload, file_type: FileType, content_hash: UUID) -> Document:
    new = NewDocument(
        filename=upload.filename,
        file_type=file_type,
        content_hash=content_hash,
        replaces=upload.filename if upload.on_conflict == "replace" else None,
        charset=upload.charset,
        **structs.asdict(upload.given),
    )
    row = await create_document(queries, tenant, upload.content, new)
    if row is None:
        raise await refused(queries, tenant, _amounts(upload))
    return document_of(row)


def _amounts(upload: Upload) -> dict[QuotaName, int]:
    """The amount that an upload takes of each limit of the plan."""
    return {"documents": 1, "bytes": upload.content.size}


async def _uploaded_before(queries: Queries, tenant: UUID, earlier: dict[str, Any]) -> Document:
    row = await queries.one("documents/get", user_id=tenant, document_id=UUID(earlier["document_id"]))
    if row is None:
        raise ConflictError("the document that was uploaded with this key has been deleted", field=HEADER)
    return document_of(row)
