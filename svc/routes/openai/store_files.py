"""`/v1/vector_stores/{id}/files`: the files of a vector store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response, StreamingResponse

from svc.database import rows as r
from svc.errors import NotFoundError
from svc.fields.attributes import Attributes, check_attributes
from svc.ingest.job import GAVE_UP
from svc.ingest.whole_text import WholeText
from svc.routes.openai.chunking import Chunking, UsedChunking, shown_chunking, sizes_of
from svc.routes.openai.files import file_id_of
from svc.routes.openai.ids import FILE, STORE, shown_id
from svc.routes.openai.lists import Deleted, Listed, Order, listed, walk
from svc.routes.openai.store_entries import add_entries, check_store, entry_of, note_polling
from svc.routes.openai.stores import store_id_of
from svc.routes.shared_access import own_or_shared_collection
from svc.routes.texts import chunks_after
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("OpenAI")

FileStatus = Literal["in_progress", "completed", "failed", "cancelled"]

_STATUSES: Final[dict[str, FileStatus]] = {
    "processing": "in_progress", "stored": "in_progress", "ready": "completed", "error": "failed",
    "cancelled": "cancelled",
}  # fmt: skip
_NATIVE: Final[dict[FileStatus, str]] = {
    "in_progress": "processing", "completed": "ready", "failed": "error", "cancelled": "cancelled",
}  # fmt: skip
_MARK: Final = "the text"


class AddFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file to add, and its attributes in the vector store."""

    file_id: str
    attributes: Attributes | None = None
    chunking_strategy: Chunking | None = None


class UpdateFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The attributes that replace the current ones; null removes them."""

    attributes: Attributes | None


class StoreFilesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The page of files after `after`, or just before `before`: the last added first unless `order` is asc."""

    after: str | None = None
    before: str | None = None
    filter: FileStatus | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    order: Order = "desc"


class LastError(Struct, frozen=True):
    """The reason why a file could not be read."""

    code: Literal["server_error", "unsupported_file", "invalid_file"]
    message: str


class StoreFile(Struct, frozen=True):
    """A file of a vector store."""

    id: str
    created_at: int
    vector_store_id: str
    usage_bytes: int
    status: FileStatus
    last_error: LastError | None
    attributes: dict[str, Any]
    chunking_strategy: UsedChunking
    object: Literal["vector_store.file"] = "vector_store.file"


class FileText(Struct, frozen=True):
    """The text of a file, or a part of it."""

    text: str
    type: Literal["text"] = "text"


class FileContent(Struct, frozen=True):
    """The text of a file as it was read."""

    data: list[FileText]
    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    has_more: bool = False
    next_page: str | None = None


@routes.post("/v1/vector_stores/{store_id}/files", errors=(404,), within=True, example={"file_id": "file-" + "0" * 32})
async def openai_add_store_file(call: Call, body: AddFile) -> StoreFile:
    """Add a file to a vector store. It is read in the background, if it has not been read."""
    entry = entry_of(body.file_id, body.attributes, sizes_of(body.chunking_strategy), "file_id")
    async with call.services.database.transaction() as transaction:
        [row] = await add_entries(call, transaction, store_id_of(call), None, [entry], field="file_id")
    return _polled(call, row)


@routes.get("/v1/vector_stores/{store_id}/files", errors=(404,), within=True)
async def openai_list_store_files(call: Call, query: StoreFilesQuery) -> Listed[StoreFile]:
    """List the files of a vector store, the last added first unless `order` is asc."""
    return await own_or_shared_collection(
        call, store_id_of(call), lambda tenant: list_store_files(call, tenant, query, None)
    )


@routes.get("/v1/vector_stores/{store_id}/files/{file_id}", errors=(404,), within=True)
async def openai_get_store_file(call: Call) -> StoreFile:
    """Get a file of a vector store."""
    row = await own_or_shared_collection(call, store_id_of(call), lambda tenant: _read(call, tenant))
    return _polled(call, row)


@routes.post(
    "/v1/vector_stores/{store_id}/files/{file_id}", errors=(404,), within=True, example={"attributes": {"year": 2026}}
)
async def openai_update_store_file(call: Call, body: UpdateFile) -> StoreFile:
    """Replace the attributes of a file in a vector store."""
    attributes = body.attributes or {}
    check_attributes(attributes, "attributes")
    row = await call.services.database.one(
        "collection_files/update",
        user_id=call.principal.tenant,
        collection_id=store_id_of(call),
        document_id=file_id_of(call),
        attributes=attributes,
    )
    if row is None:
        raise await _missing(call, call.principal.tenant)
    return _polled(call, row)


@routes.delete("/v1/vector_stores/{store_id}/files/{file_id}", errors=(404,), within=True)
async def openai_delete_store_file(call: Call) -> Deleted:
    """Take a file out of a vector store. The file itself stays."""
    file_id = file_id_of(call)
    removed = await call.services.database.exec(
        "collection_files/remove",
        user_id=call.principal.tenant,
        collection_id=store_id_of(call),
        document_id=file_id,
    )
    if not removed:
        raise await _missing(call, call.principal.tenant)
    return Deleted(shown_id(FILE, file_id), "vector_store.file.deleted")


@routes.get(
    "/v1/vector_stores/{store_id}/files/{file_id}/content", errors=(404,), produces="application/json", within=True
)
async def openai_get_store_file_content(call: Call) -> Response:
    """Get the text of a file as it was read. A file that has not been read has no parts."""
    row = await own_or_shared_collection(call, store_id_of(call), lambda tenant: _read(call, tenant))
    chunks = await chunks_after(call, row.document_id, -1, 0, row.reading_id) if row.status == "ready" else []
    if not chunks or call.request.method == "HEAD":
        return Response(msgspec.json.encode(FileContent([])), media_type="application/json")
    return StreamingResponse(_content(call, row, chunks), media_type="application/json")


async def _content(call: Call, row: r.CollectionFilesGet, chunks: Sequence[r.ChunksListFrom]) -> AsyncIterator[bytes]:
    """Yield a `FileContent` with one text, page by page, since a whole text can block the loop and take much memory.

    If the document is deleted or changed meanwhile, the answer breaks off, which the client detects.
    """
    before, after = msgspec.json.encode(FileContent([FileText(_MARK)])).split(_MARK.encode())
    yield before
    text = WholeText()
    while True:
        piece = "".join(text.following(chunk.content, chunk.metadata) for chunk in chunks)
        yield msgspec.json.encode(piece)[1:-1]
        last = chunks[-1]
        if last.chunk_index + 1 >= last.chunk_count:
            break
        chunks = await chunks_after(call, row.document_id, last.chunk_index, 0, row.reading_id)
        if not chunks or chunks[0].chunk_count != last.chunk_count:
            raise NotFoundError("the file was changed while its text was read")
    yield after


async def list_store_files(
    call: Call, tenant: UUID, query: StoreFilesQuery, batch_id: UUID | None
) -> Listed[StoreFile]:
    """List the files of the vector store in the path, which belongs to `tenant`, or of one of its batches.

    Raises:
        NotFoundError: the vector store does not exist.
    """
    database, store_id = call.services.database, store_id_of(call)
    reading = walk(FILE, query.after, query.before, query.order)
    rows = await database.many(
        "collection_files/list",
        user_id=tenant,
        collection_id=store_id,
        batch_id=batch_id,
        status=None if query.filter is None else _NATIVE[query.filter],
        descending=reading.descending,
        after=reading.after,
        before=reading.before,
        max_rows=query.limit + 1,
    )
    if not rows:
        await check_store(database, tenant, store_id)
    shown, has_more = reading.page(rows, query.limit)
    return listed([store_file_of(row) for row in shown], lambda file: file.id, has_more=has_more)


async def _read(call: Call, tenant: UUID) -> r.CollectionFilesGet:
    row = await call.services.database.one(
        "collection_files/get",
        user_id=tenant,
        collection_id=store_id_of(call),
        document_id=file_id_of(call),
    )
    if row is None:
        raise await _missing(call, tenant)
    return row


async def _missing(call: Call, tenant: UUID) -> NotFoundError:
    """Return the error for a file that is not in the vector store in the path.

    Raises:
        NotFoundError: the vector store does not exist.
    """
    await check_store(call.services.database, tenant, store_id_of(call))
    return NotFoundError("there is no such file in this vector store")


def _polled(call: Call, row: r.CollectionFilesGet) -> StoreFile:
    file = store_file_of(row)
    note_polling(call, is_processing=file.status == "in_progress")
    return file


def store_file_of(row: r.CollectionFilesGet) -> StoreFile:
    """Convert a row to a file of a vector store."""
    status = _STATUSES[row.status]
    return StoreFile(
        id=shown_id(FILE, row.document_id),
        created_at=int(row.created_at.timestamp()),
        vector_store_id=shown_id(STORE, row.collection_id),
        usage_bytes=row.file_size if status == "completed" else 0,
        status=status,
        last_error=_last_error(row) if status == "failed" else None,
        attributes=row.attributes,
        chunking_strategy=shown_chunking(row.chunk_sizes),
    )


def _last_error(row: r.CollectionFilesGet) -> LastError:
    message = row.error or "the file could not be read"
    if message.startswith(GAVE_UP):
        return LastError("server_error", message)
    return LastError("unsupported_file" if row.file_type == "other" else "invalid_file", message)
