"""Reading the chunks of a document, or a single chunk: `sql/chunks/`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from svc.database import rows as r
from svc.errors import NotFoundError
from svc.routes.documents import document_of
from svc.routes.pages import Page, PositionPageQuery, one_more, page
from svc.routes.results import Neighbours, Passage, passage_of, place_fields
from svc.routes.shared_access import Share, own_or_shared_chunk, own_or_shared_document
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("documents")


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


@routes.get("/documents/{document_id}/chunks", errors=(404,), within=True)
async def list_chunks(call: Call, query: PositionPageQuery) -> Page[Chunk]:
    """List the chunks of a document in order."""
    database, document_id = call.services.database, call.path_id("document_id", "document")

    async def read(share: Share) -> Sequence[r.ChunksListByDocument]:
        rows = await database.many(
            "chunks/list_by_document",
            user_id=share.owner_id,
            document_id=document_id,
            after=-1 if query.after is None else query.after,
            max_rows=one_more(query.limit),
            reading_id=share.reading_id,
        )
        if not rows:
            document_of(await database.one("documents/get", user_id=share.owner_id, document_id=document_id))
        return rows

    rows = await own_or_shared_document(call, document_id, read)
    return page(rows, query.limit, chunk_of, lambda row: row.chunk_index)


@routes.get("/chunks/{chunk_id}", errors=(404,), within=True)
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


def chunk_of(row: r.ChunksListByDocument) -> Chunk:
    """Convert a row to a chunk."""
    return Chunk(
        id=row.id,
        document_id=row.document_id,
        chunk_index=row.chunk_index,
        content=row.content,
        token_count=row.token_count,
        metadata=row.metadata,
        created_at=row.created_at,
    )
