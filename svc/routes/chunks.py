"""Reading one chunk: `sql/chunks/get.sql`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from svc.database import rows as r
from svc.errors import NotFoundError
from svc.routes.results import Neighbours, Passage, passage_of, place_fields
from svc.routes.shared_access import own_or_shared_chunk
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("documents")


class ChunkQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The chunks around the chunk to include."""

    neighbours: Neighbours = 0


class ChunkOfDocument(Struct, frozen=True, kw_only=True):
    """A chunk with the name of its document. `page`, `title` and `heading` say where it is in the file.

    `passage` is the text of the chunk and its neighbours, if they were requested.
    """

    id: UUID
    document_id: UUID
    filename: str
    chunk_index: int
    content: str
    token_count: int
    page: int | UnsetType = UNSET
    title: str | UnsetType = UNSET
    heading: list[str] | UnsetType = UNSET
    metadata: dict[str, Any]
    created_at: datetime
    passage: Passage | UnsetType = UNSET


@routes.get("/chunks/{chunk_id}", errors=(404,))
async def get_chunk(call: Call, query: ChunkQuery) -> ChunkOfDocument:
    """Get a chunk, with the text around it if `neighbours` is given."""
    chunk_id = call.path_id("chunk_id", "chunk")

    async def read(tenant: UUID) -> tuple[r.ChunksGet, Sequence[r.ChunksGet]]:
        rows = await call.services.database.many(
            "chunks/get",
            user_id=tenant,
            chunk_id=chunk_id,
            neighbours=query.neighbours,
            max_rows=2 * query.neighbours + 1,
        )
        row = next((row for row in rows if row.chunk_id == chunk_id), None)
        if row is None:
            raise NotFoundError("there is no such chunk")
        return row, rows

    row, rows = await own_or_shared_chunk(call, chunk_id, read)
    return ChunkOfDocument(
        id=row.chunk_id,
        document_id=row.document_id,
        filename=row.filename,
        chunk_index=row.chunk_index,
        content=row.content,
        token_count=row.token_count,
        **place_fields(row.metadata),
        metadata=row.metadata,
        created_at=row.created_at,
        passage=passage_of(rows, [chunk_id]) if query.neighbours else UNSET,
    )
