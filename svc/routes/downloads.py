"""Downloading the bytes of a document, whole or in part: `sql/documents/content.sql`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote
from uuid import UUID

from starlette.responses import Response, StreamingResponse

from svc.database import rows as r
from svc.errors import NotFoundError
from svc.ingest.file_bytes import MAX_PART_BYTES
from svc.routes.shared_access import Share, own_or_shared_document
from svc.web.conditions import check_match, is_known
from svc.web.ranges import ByteRange, byte_range, is_same_file
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("documents")

# Each read is larger than the last: the first is enough for most files, and large files need few statements.
_FIRST_BYTES = 64 * 1024


@routes.get(
    "/documents/{document_id}/content",
    errors=(404,),
    produces="application/octet-stream",
    ranges=True,
    within=True,
)
async def download_document(call: Call) -> Response:
    """Download the bytes of a document as they were uploaded.

    `Range: bytes=0-1023` requests a part, with status 206. The ETag changes only with the bytes: `If-None-Match` with
    it answers 304, and `If-Range` with it requests the part only of the same file.
    """
    return await download(call, call.path_id("document_id", "document"))


async def download(call: Call, document_id: UUID) -> Response:
    """Answer with the bytes of a document, or with the part that the request asks for.

    Raises:
        NotFoundError: there is no such document.
    """
    wanted = byte_range(call.request)
    row = await _content(call, document_id, wanted.first, _FIRST_BYTES)
    etag = f'"{row.content_hash.hex}"'
    # An attachment without a specific type: a browser must not run an uploaded page in the service's origin.
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row.filename, safe='')}",
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
    }
    check_match(call.request, etag)
    if is_known(call.request, etag):
        return Response(status_code=304, headers=headers)
    if wanted.is_part and not is_same_file(call.request, etag):
        wanted = ByteRange()
        row = await _content(call, document_id, 0, _FIRST_BYTES)
    start, end = wanted.of(row.file_bytes)
    headers["Content-Length"] = str(end - start)
    status = 206 if wanted.is_part else 200
    if wanted.is_part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{row.file_bytes}"
    if end - start <= len(row.content) or call.request.method == "HEAD":
        content = row.content[: end - start]
        return Response(content, status, headers, media_type="application/octet-stream")
    parts = _parts(call, document_id, row, start, end)
    return StreamingResponse(parts, status, headers, media_type="application/octet-stream")


async def _parts(
    call: Call, document_id: UUID, first: r.DocumentsContent, start: int, end: int
) -> AsyncIterator[bytes]:
    """Yield the bytes from `start` up to, but not including, `end`; `first` contains the first of them.

    If the document is deleted, changed or no longer shared meanwhile, the answer ends early: it is shorter than its
    Content-Length.
    """
    yield first.content
    sent, size = start + len(first.content), _FIRST_BYTES
    while sent < end:
        size = min(size * 4, MAX_PART_BYTES)
        row = await _content(call, document_id, sent, min(size, end - sent))
        if not row.content or row.content_hash != first.content_hash:
            raise NotFoundError("the document was changed during the download")
        yield row.content
        sent += len(row.content)


async def _content(call: Call, document_id: UUID, first_byte: int, max_bytes: int) -> r.DocumentsContent:
    async def read(share: Share) -> r.DocumentsContent:
        row = await call.services.database.one(
            "documents/content",
            user_id=share.owner_id,
            document_id=document_id,
            first_byte=first_byte,
            max_bytes=max_bytes,
        )
        if row is None:
            raise NotFoundError("there is no such document")
        return row

    return await own_or_shared_document(call, document_id, read)
