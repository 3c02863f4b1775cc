"""The chunks of a file as a collection has them: collections can have the same file in chunks of different sizes."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from svc.database import rows as r
from svc.routes.chunks import Chunk, chunk_of
from svc.routes.collection_files import missing_file
from svc.routes.collections import collection_id_of
from svc.routes.pages import Page, PositionPageQuery, one_more, page
from svc.routes.shared_access import Share, own_or_shared_collection, read_while_shared
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("collections")


@routes.get("/collections/{collection_id}/files/{document_id}/chunks", errors=(404,), within=True)
async def list_file_chunks(call: Call, query: PositionPageQuery) -> Page[Chunk]:
    """List the chunks of a file in order, as the collection has them.

    A vector store can have a file in chunks of other sizes than the document has.
    """
    database = call.services.database
    collection_id, document_id = collection_id_of(call), call.path_id("document_id", "document")

    async def read(share: Share) -> Sequence[r.ChunksListByDocument]:
        return await database.many(
            "chunks/list_by_document",
            user_id=share.owner_id,
            document_id=document_id,
            after=-1 if query.after is None else query.after,
            max_rows=one_more(query.limit),
            reading_id=share.reading_id,
        )

    async def of_tenant(tenant: UUID) -> Sequence[r.ChunksListByDocument]:
        async def find() -> Share | None:
            place = await database.one(
                "collection_files/find_document", user_id=tenant, collection_id=collection_id, document_id=document_id
            )
            return None if place is None else Share(tenant, (place.seq,), collection_id, place.reading_id)

        rows = await read_while_shared(await find(), find, read)
        if rows is None:
            raise await missing_file(call, tenant)
        return rows

    rows = await own_or_shared_collection(call, collection_id, of_tenant)
    return page(rows, query.limit, chunk_of, lambda row: row.chunk_index)
