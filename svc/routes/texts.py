"""The text of a document as it was read: `sql/chunks/list_from.sql`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from starlette.responses import Response, StreamingResponse

from svc.database import rows as r
from svc.errors import ConflictError, NotFoundError
from svc.ingest.whole_text import WholeText
from svc.routes.documents import read_document
from svc.routes.shared_access import Share, own_or_shared_document
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("documents")

MEDIA_TYPE = "text/plain; charset=utf-8"
_CHUNKS_A_PAGE = 64
_LAST_PLACE = 2**31 - 2

Place = Annotated[int, Meta(ge=0, le=_LAST_PLACE)]


class TextQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The part of the text: `limit` characters, starting at `offset`; without `limit`, up to the end."""

    offset: Place = 0
    limit: Annotated[int, Meta(ge=1, le=_LAST_PLACE)] | None = None


@routes.get("/documents/{document_id}/text", errors=(404, 409), produces="text/plain", within=True)
async def read_text(call: Call, query: TextQuery) -> Response:
    """Get the text of a document as it was read, whole or in part.

    `start` and `end` in the metadata of the document's chunks and of the sources of messages are positions in this
    text. They are counted in characters (Unicode code points).
    """
    document_id = call.path_id("document_id", "document")
    first = await chunks_after(call, document_id, -1, query.offset)
    if not first:
        document = await read_document(call, document_id)
        if document.status != "ready":
            raise ConflictError(f"only a document with status ready has a text; this one has status {document.status}")
    headers = {"X-Content-Type-Options": "nosniff"}
    if call.request.method == "HEAD":
        return Response(headers=headers, media_type=MEDIA_TYPE)
    return StreamingResponse(_text(call, document_id, query, first), headers=headers, media_type=MEDIA_TYPE)


async def _text(
    call: Call, document_id: UUID, query: TextQuery, page: Sequence[r.ChunksListFrom]
) -> AsyncIterator[bytes]:
    """Yield the text. If the document is deleted or changed meanwhile, the answer breaks off."""
    text = WholeText(query.offset)
    left = _LAST_PLACE if query.limit is None else query.limit
    while page:
        piece = "".join(text.following(row.content, row.metadata) for row in page)[:left]
        left -= len(piece)
        yield piece.encode()
        last = page[-1]
        if left <= 0 or last.chunk_index + 1 >= last.chunk_count:
            return
        page = await chunks_after(call, document_id, last.chunk_index, query.offset)
        if not page or page[0].chunk_count != last.chunk_count:
            raise NotFoundError("the document was changed while its text was read")


async def chunks_after(
    call: Call, document_id: UUID, after: int, place: int, reading_id: UUID | None = None
) -> Sequence[r.ChunksListFrom]:
    """Read the next chunks after the index `after` that end after the character `place`.

    The document is the caller's own, or one that is shared with them. `reading_id` names another reading of it; the
    default is the reading that the caller may see.
    """

    async def read(share: Share) -> Sequence[r.ChunksListFrom]:
        rows = await call.services.database.many(
            "chunks/list_from",
            user_id=share.owner_id,
            document_id=document_id,
            after=after,
            place=place,
            max_rows=_CHUNKS_A_PAGE,
            reading_id=reading_id or share.reading_id,
        )
        if not rows:
            raise NotFoundError("there are no such chunks")
        return rows

    try:
        return await own_or_shared_document(call, document_id, read)
    except NotFoundError:
        return []
