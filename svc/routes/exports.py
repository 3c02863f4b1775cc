"""The export of all data of a user: `sql/export/`."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from svc.tenants.export import find_export
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("users")

MEDIA_TYPE = "application/x-ndjson"
_PIECE_BYTES = 256 * 2**10


@routes.get("/me/export", produces=MEDIA_TYPE)
async def export_user(call: Call) -> Response:
    """Export all your data as lines of JSON.

    The export has one line for each row: profile, names of keys, documents with their bytes, chunks, vectors,
    conversations and messages. The last line has the number of rows of each table and the SHA-256 of the preceding
    lines. An export without this line is truncated.
    """
    export = await find_export(call.services.database, call.principal.tenant)
    headers = {
        "Content-Disposition": f'attachment; filename="cabinet-{call.principal.tenant}.ndjson"',
        "Cache-Control": "no-store",
    }
    if call.request.method == "HEAD":
        return Response(headers=headers, media_type=MEDIA_TYPE)
    return StreamingResponse(_in_pieces(export.pages()), headers=headers, media_type=MEDIA_TYPE)


async def _in_pieces(pages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the pages in pieces: a page with a large file has 43 MB, which the transport would copy in one step."""
    async for page in pages:
        for start in range(0, len(page), _PIECE_BYTES):
            yield page[start : start + _PIECE_BYTES]
