"""Replacing the bytes of a document: `sql/documents/hold.sql`, `put_content.sql`, and the parts of a large file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast
from uuid import UUID

import msgspec

from svc.access.quotas import broken_quota
from svc.accounts.quotas import refused
from svc.database.calls import Queries
from svc.database.failures import ConstraintError
from svc.errors import InvalidRequestError, NotFoundError, PreconditionFailedError, UnsupportedMediaTypeError
from svc.ingest.file_bytes import MAX_PART_BYTES, FileBytes
from svc.ingest.file_types import detect_file_type
from svc.routes.documents import Document, document_of
from svc.routes.form_bodies import declared_charset, document_too_large
from svc.routes.new_documents import append_parts, file_hash
from svc.web.conditions import check_match, etag_of, has_match
from svc.web.request import Call, declared_length, media_type
from svc.web.routing import Routes

routes = Routes("documents")

_TAKES = "application/octet-stream"


@routes.put("/documents/{document_id}/content", status=202, errors=(404, 413, 415, 422), tagged=True, takes=_TAKES)
async def put_content(call: Call) -> Document:
    """Replace the bytes of a document, which keeps its id, name, metadata, collections and conversations.

    The body is the file itself, of any type that can be uploaded. The route answers immediately. Searches find the
    chunks of the earlier bytes until the new bytes have been read; then all chunks are replaced in one step. If the new
    bytes cannot be read, the status is `error`, and the earlier chunks are still found. `If-Match` takes the ETag of
    the document or that of its content.
    """
    document_id = call.path_id("document_id", "document")
    database, tenant = call.services.database, call.principal.tenant
    name = document_of(await database.one("documents/get", user_id=tenant, document_id=document_id)).filename
    async with _received(call) as file:
        file_type = await asyncio.to_thread(
            detect_file_type, name, await file.sample(), images=call.services.settings.ocr
        )
        content_hash = await file_hash(file)
        more = file.size
        try:
            async with database.transaction() as transaction:
                document = await _held(call, transaction, document_id)
                more -= document.file_size
                row = await transaction.one(
                    "documents/put_content",
                    user_id=tenant,
                    document_id=document_id,
                    file_type=file_type,
                    content=b"" if file.is_in_parts else await file.whole(),
                    content_hash=content_hash,
                    file_size=file.size,
                    charset=declared_charset(call.request.headers.get("content-type", "")),
                )
                if row is None:
                    raise await refused(transaction, tenant, {"bytes": more})
                if file.is_in_parts:
                    await append_parts(transaction, tenant, document_id, file)
                return document_of(row)
        except ConstraintError as error:
            if broken_quota(error.constraint) is None:
                raise
            raise await refused(database, tenant, {"bytes": more}) from None


async def _held(call: Call, queries: Queries, document_id: UUID) -> Document:
    """Lock the document and return it, if `If-Match` permits.

    Raises:
        NotFoundError: it was deleted.
        PreconditionFailedError: neither its ETag nor that of its content is in `If-Match`.
    """
    tenant = call.principal.tenant
    await queries.many("documents/hold", user_id=tenant, document_ids=[document_id], max_rows=1)
    document = document_of(await queries.one("documents/get", user_id=tenant, document_id=document_id))
    if has_match(call.request):
        bytes_ = await queries.one(
            "documents/content", user_id=tenant, document_id=document_id, first_byte=0, max_bytes=0
        )
        if bytes_ is None:
            raise NotFoundError("there is no such document")
        try:
            check_match(call.request, f'"{bytes_.content_hash.hex}"')
        except PreconditionFailedError:
            check_match(call.request, etag_of(msgspec.json.encode(document)))
    return document


@asynccontextmanager
async def _received(call: Call) -> AsyncIterator[FileBytes]:
    """Receive the body. A large one is stored in a temporary file, which is deleted after the block.

    Raises:
        UnsupportedMediaTypeError: it is a form.
        TooLargeError: it is larger than an upload may be.
        InvalidRequestError: it is empty.
    """
    if media_type(call.request).startswith("multipart/"):
        raise UnsupportedMediaTypeError(
            f"send the bytes of the file themselves, as {_TAKES}, not a form", field="Content-Type"
        )
    limit_bytes = call.services.settings.max_upload_bytes
    if declared_length(call.request) > limit_bytes:
        raise document_too_large(limit_bytes)
    size = 0
    with SpooledTemporaryFile(MAX_PART_BYTES) as file:
        async for part in call.request.stream():
            size += len(part)
            if size > limit_bytes:
                raise document_too_large(limit_bytes)
            if size > MAX_PART_BYTES:
                await asyncio.to_thread(file.write, part)
            else:
                file.write(part)
        if not size:
            raise InvalidRequestError("the body is empty; send the bytes of a file", field="content")
        yield FileBytes(cast(BinaryIO, file), size)
