"""Batches of files that are added to a collection together: `sql/file_batches/`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import NotFoundError
from svc.routes.collection_files import AddFile, added_files, check_active
from svc.routes.collections import MAX_COUNTED, collection_id_of, no_such_collection, read_collection
from svc.routes.file_counts import FileCounts, counts_of
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("collections")

MAX_FILES = 2_000
"""The maximum number of files in one batch."""
_BODY_BYTES = 2 * 2**20

BatchStatus = Literal["processing", "ready", "cancelled"]


class AddFiles(Struct, frozen=True, forbid_unknown_fields=True):
    """The documents to add, each once."""

    files: Annotated[list[AddFile], Meta(min_length=1, max_length=MAX_FILES, description=f"At most {MAX_FILES}.")]


class FileBatch(Struct, frozen=True):
    """A batch of files. `status` is `ready` when no file is waiting or being read, even if some failed.

    The files are those of the batch that are still in the collection.
    """

    id: UUID
    collection_id: UUID
    status: BatchStatus
    file_counts: FileCounts
    created_at: datetime
    cancelled_at: datetime | None


@routes.post(
    "/collections/{collection_id}/batches",
    status=201,
    body_bytes=_BODY_BYTES,
    errors=(404, 409),
    within=True,
    repeated="The request can be repeated without harm: the files are then of the newer batch",
    example={"files": [{"document_id": "0198c0de-0000-7000-8000-000000000000", "attributes": {"year": 2026}}]},
)
async def create_batch(call: Call, body: AddFiles) -> FileBatch:
    """Add many documents to a collection at once, all or none."""
    tenant, collection_id = call.principal.tenant, collection_id_of(call)
    async with call.services.database.transaction() as transaction:
        batch = await transaction.one("file_batches/create", user_id=tenant, collection_id=collection_id)
        if batch is None:
            await check_active(transaction, tenant, collection_id)
            raise no_such_collection()
        await added_files(transaction, call, batch.id, body.files, "files")
        return await _read(transaction, tenant, collection_id, batch.id)


@routes.get("/collections/{collection_id}/batches/{batch_id}", errors=(404,), within=True)
async def get_batch(call: Call) -> FileBatch:
    """Get a batch with the number of its files in each state. `GET …/files?batch_id=` lists the files."""
    return await _read(call.services.database, call.principal.tenant, collection_id_of(call), _batch_id(call))


@routes.post(
    "/collections/{collection_id}/batches/{batch_id}/cancel",
    errors=(404,),
    within=True,
    repeated="The request can be repeated without harm",
)
async def cancel_batch(call: Call) -> FileBatch:
    """Cancel a batch.

    Files that have not been read yet are then not searched in the collection, and their status is `cancelled`. The
    documents themselves stay. A document with a `purpose` is read only for collections: if its reading has not begun,
    it is cancelled, unless another collection contains the document. All others are still read.
    """
    database, tenant, collection_id = call.services.database, call.principal.tenant, collection_id_of(call)
    await database.exec("file_batches/cancel", user_id=tenant, collection_id=collection_id, batch_id=_batch_id(call))
    return await _read(database, tenant, collection_id, _batch_id(call))


def _batch_id(call: Call) -> UUID:
    return call.path_id("batch_id", "batch")


async def _read(queries: Queries, tenant: UUID, collection_id: UUID, batch_id: UUID) -> FileBatch:
    row = await queries.one(
        "file_batches/get", user_id=tenant, collection_id=collection_id, batch_id=batch_id, max_count=MAX_COUNTED
    )
    if row is None:
        await read_collection(queries, tenant, collection_id)
        raise NotFoundError("there is no such batch")
    return batch_of(row)


def batch_of(row: r.FileBatchesGet) -> FileBatch:
    """Convert a row to a batch."""
    is_read = row.processing_count == 0
    return FileBatch(
        id=row.id,
        collection_id=row.collection_id,
        status="cancelled" if row.cancelled_at is not None else "ready" if is_read else "processing",
        file_counts=counts_of(row),
        created_at=row.created_at,
        cancelled_at=row.cancelled_at,
    )
