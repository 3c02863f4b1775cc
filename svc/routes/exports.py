"""The export of all data of a user: `sql/export/`."""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse

from svc.tenants.export import find_export
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("users")

MEDIA_TYPE = "application/x-ndjson"


@routes.get("/me/export", produces=MEDIA_TYPE)
async def export_user(call: Call) -> Response:
    """Export all your data as lines of JSON.

    The export has one line for each row: profile, names of keys, documents with their bytes, chunks, vectors,
    conversations and messages. The last line has the number of rows of each table and a SHA-256 of the lines before. An
    export without this line is truncated.
    """
    export = await find_export(call.services.database, call.principal.tenant)
    headers = {
        "Content-Disposition": f'attachment; filename="cabinet-{call.principal.tenant}.ndjson"',
        "Cache-Control": "no-store",
    }
    if call.request.method == "HEAD":
        return Response(headers=headers, media_type=MEDIA_TYPE)
    return StreamingResponse(export.pages(), headers=headers, media_type=MEDIA_TYPE)
