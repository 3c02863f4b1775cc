"""`/v1/vector_stores/{id}/file_batches`: files that are added to a vector store together."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import InvalidRequestError, NotFoundError
from svc.fields.attributes import Attributes
from svc.routes.collections import MAX_COUNTED
from svc.routes.openai.chunking import Chunking, sizes_of
from svc.routes.openai.ids import BATCH, STORE, path_id, shown_id
from svc.routes.openai.lists import Listed
from svc.routes.openai.store_entries import (
    FileCounts,
    NewEntry,
    add_entries,
    check_active,
    check_store,
    counts_of,
    entries_of_ids,
    entry_of,
    no_such_store,
    note_polling,
)
from svc.routes.openai.store_files import AddFile, StoreFile, StoreFilesQuery, list_store_files
from svc.routes.openai.stores import store_id_of
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("OpenAI")

MOST_FILES: Final = 2_000
"""The maximum number of files in a batch, as in the OpenAI API."""
_BODY_BYTES: Final = 4 * 2**20


class CreateBatch(Struct, frozen=True, forbid_unknown_fields=True):
    """The files to add: `file_ids`, all with the same attributes, or `files`, each with its own.

    `attributes` and `chunking_strategy` are those of `file_ids`; with `files` they are ignored, as in the OpenAI API.
    """

    file_ids: Annotated[list[str], Meta(min_length=1, max_length=MOST_FILES)] | None = None
    files: Annotated[list[AddFile], Meta(min_length=1, max_length=MOST_FILES)] | None = None
    attributes: Attributes | None = None
    chunking_strategy: Chunking | None = None


class Batch(Struct, frozen=True):
    """A batch of files."""

    id: str
    created_at: int
    vector_store_id: str
    status: Literal["in_progress", "completed", "cancelled", "failed"]
    file_counts: FileCounts
    object: Literal["vector_store.files_batch"] = "vector_store.files_batch"


@routes.post(
    "/v1/vector_stores/{store_id}/file_batches",
    errors=(404,),
    within=True,
    body_bytes=_BODY_BYTES,
    example={"file_ids": ["file-" + "0" * 32]},
)
async def openai_create_batch(call: Call, body: CreateBatch) -> Batch:
    """Add many files to a vector store at once, all or none."""
    entries = _entries(body)
    tenant, store_id = call.principal.tenant, store_id_of(call)
    async with call.services.database.transaction() as transaction:
        batch = await transaction.one("file_batches/create", user_id=tenant, collection_id=store_id)
        if batch is None:
            await check_active(transaction, tenant, store_id)
            raise no_such_store()
        field = "file_ids" if body.files is None else "files"
        await add_entries(call, transaction, store_id, batch.id, entries, field=field)
        return _polled(call, await _read(transaction, tenant, store_id, batch.id))


@routes.get("/v1/vector_stores/{store_id}/file_batches/{batch_id}", errors=(404,), within=True)
async def openai_get_batch(call: Call) -> Batch:
    """Get a batch with the number of its files in each state."""
    return _polled(call, await _read(call.services.database, call.principal.tenant, store_id_of(call), _batch_id(call)))


@routes.post("/v1/vector_stores/{store_id}/file_batches/{batch_id}/cancel", errors=(404,), within=True)
async def openai_cancel_batch(call: Call) -> Batch:
    """Cancel a batch: files that have not been read yet are then not searched in the vector store.

    Files whose reading has not begun are not read, unless another vector store has them.
    """
    database, tenant, store_id = call.services.database, call.principal.tenant, store_id_of(call)
    await database.exec("file_batches/cancel", user_id=tenant, collection_id=store_id, batch_id=_batch_id(call))
    return _polled(call, await _read(database, tenant, store_id, _batch_id(call)))


@routes.get("/v1/vector_stores/{store_id}/file_batches/{batch_id}/files", errors=(404,), within=True)
async def openai_list_batch_files(call: Call, query: StoreFilesQuery) -> Listed[StoreFile]:
    """List the files of a batch that are still in the vector store."""
    files = await list_store_files(call, call.principal.tenant, query, _batch_id(call))
    if not files.data:
        await _read(call.services.database, call.principal.tenant, store_id_of(call), _batch_id(call))
    return files


def _entries(body: CreateBatch) -> list[NewEntry]:
    sizes = sizes_of(body.chunking_strategy)
    if (body.file_ids is None) == (body.files is None):
        raise InvalidRequestError("send either file_ids or files, not both", field="file_ids")
    if body.file_ids is not None:
        return entries_of_ids(body.file_ids, body.attributes, sizes)
    entries = []
    for index, file in enumerate(body.files or []):
        own = sizes_of(file.chunking_strategy, f"files[{index}].chunking_strategy")
        entries.append(entry_of(file.file_id, file.attributes, own, f"files[{index}].file_id"))
    return entries


def _batch_id(call: Call) -> UUID:
    return path_id(call, "batch_id", BATCH, "batch")


async def _read(queries: Queries, tenant: UUID, store_id: UUID, batch_id: UUID) -> r.FileBatchesGet:
    row = await queries.one(
        "file_batches/get", user_id=tenant, collection_id=store_id, batch_id=batch_id, max_count=MAX_COUNTED
    )
    if row is None:
        await check_store(queries, tenant, store_id)
        raise NotFoundError("there is no such batch")
    return row


def _polled(call: Call, row: r.FileBatchesGet) -> Batch:
    counts = counts_of(row)
    note_polling(call, is_processing=counts.in_progress > 0)
    return Batch(
        id=shown_id(BATCH, row.id),
        created_at=int(row.created_at.timestamp()),
        vector_store_id=shown_id(STORE, row.collection_id),
        status="cancelled" if row.cancelled_at is not None else "in_progress" if counts.in_progress else "completed",
        file_counts=counts,
    )
