"""Splitting a document again: `sql/documents/rechunk.sql`."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from svc.errors import ConflictError, InvalidRequestError
from svc.ingest.chunk import ChunkSizes, ChunkTokens, OverlapTokens
from svc.ingest.formats import CHUNKS
from svc.routes.documents import Document, document_of
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("documents")


class RechunkDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """The maximum tokens of a chunk, and the maximum tokens that neighbouring chunks share, at most half as many."""

    chunk_tokens: ChunkTokens
    overlap_tokens: OverlapTokens = 0


@routes.post(
    "/documents/{document_id}/rechunk",
    status=202,
    errors=(404, 409),
    repeated="The request can be repeated without harm",
    example={"chunk_tokens": 256, "overlap_tokens": 32},
)
async def rechunk_document(call: Call, body: RechunkDocument) -> Document:
    """Split a document again, into chunks of these sizes.

    Searches find its current chunks until the new ones are ready; then all of them are replaced in one step. If that
    fails, the document stays unchanged, with the reason in `error`. The sizes also apply when the document is read
    again later.
    """
    if body.overlap_tokens * 2 > body.chunk_tokens:
        raise InvalidRequestError(
            f"overlap_tokens must be at most half of chunk_tokens, which is {body.chunk_tokens}", field="overlap_tokens"
        )
    database, tenant = call.services.database, call.principal.tenant
    document_id = call.path_id("document_id", "document")
    sizes = ChunkSizes(body.chunk_tokens, body.overlap_tokens)
    row = await database.one(
        "documents/rechunk", user_id=tenant, document_id=document_id, chunk_sizes=msgspec.to_builtins(sizes)
    )
    if row is not None:
        return document_of(row)
    document = document_of(await database.one("documents/get", user_id=tenant, document_id=document_id))
    if document.file_type == CHUNKS:
        raise ConflictError("this document was uploaded in chunks; upload it again with other chunks")
    raise ConflictError(
        f"only a document with status ready or error can be split again; the status of this one is {document.status}"
    )
