"""The files of a collection: `sql/collection_files/`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import ConflictError, InvalidRequestError, NotFoundError
from svc.fields.attributes import Attributes, check_attributes
from svc.fields.validation import Faults
from svc.ingest.formats import StoredType
from svc.routes.collections import collection_id_of, read_collection
from svc.routes.pages import Page, PageQuery, one_more, page
from svc.routes.shared_access import own_or_shared_collection
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("collections")

CollectionFileStatus = Literal["processing", "ready", "error", "cancelled"]
_ADDED_AGAIN = "The request can be repeated without harm"
_SOME_ID = "0198c0de-0000-7000-8000-000000000000"


class CollectionFile(Struct, frozen=True):
    """A file in a collection.

    `status` is that of the document, or `cancelled`: its batch was cancelled before the document was ready, and it is
    not searched in this collection. `error` is the reason for the status `error`.
    """

    document_id: UUID
    collection_id: UUID
    batch_id: UUID | None
    filename: str
    file_type: StoredType
    file_size: int
    chunk_count: int
    status: CollectionFileStatus
    error: str | None
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class AddFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A document to add, and its attributes in the collection."""

    document_id: UUID
    attributes: Attributes | UnsetType = UNSET


class UpdateFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The attributes that replace the current ones."""

    attributes: Attributes


class FilesQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """The page to return. `after` is the id of a document, which may have been removed from the collection since."""

    status: CollectionFileStatus | None = None
    batch_id: UUID | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"


@routes.post(
    "/collections/{collection_id}/files",
    status=201,
    errors=(404, 409),
    within=True,
    repeated=_ADDED_AGAIN,
    example={"document_id": _SOME_ID, "attributes": {"year": 2026}},
)
async def add_file(call: Call, body: AddFile) -> CollectionFile:
    """Add a document to a collection.

    A file that was only stored is read now. If the document is already in the collection, the attributes, if sent,
    replace its current ones.
    """
    return (await added_files(call.services.database, call, None, [body], "document_id"))[0]


async def added_files(
    queries: Queries, call: Call, batch_id: UUID | None, files: Sequence[AddFile], field: str
) -> list[CollectionFile]:
    """Add files to the collection in the path, all or none.

    Raises:
        NotFoundError: the collection does not exist.
        ConflictError: it has expired.
        InvalidRequestError: `field` contains an id that is not the id of a document, or the same id twice.
    """
    tenant, collection_id = call.principal.tenant, collection_id_of(call)
    _check(files, field)
    rows = await queries.many(
        "collection_files/add",
        user_id=tenant,
        collection_id=collection_id,
        batch_id=batch_id,
        files=[_added(file) for file in files],
        max_rows=len(files),
        only_present=call.principal.collection_id is not None,
    )
    if len(rows) < len(files):
        await check_active(queries, tenant, collection_id)
        raise InvalidRequestError(f"{field} contains an id that is not the id of one of your documents", field=field)
    return [file_of(row) for row in rows]


def _added(file: AddFile) -> dict[str, Any]:
    added = {"document_id": str(file.document_id)}
    return added if file.attributes is UNSET else {**added, "attributes": file.attributes}


def _check(files: Sequence[AddFile], field: str) -> None:
    if len({file.document_id for file in files}) < len(files):
        raise InvalidRequestError(f"{field} contains the same document twice; send each once", field=field)
    faults = Faults()
    for index, file in enumerate(files):
        place = "attributes" if field == "document_id" else f"{field}[{index}].attributes"
        faults.check(check_attributes, file.attributes, place)
    faults.raise_if_any()


async def check_active(queries: Queries, tenant: UUID, collection_id: UUID) -> None:
    """Check that a collection exists and has not expired.

    Raises:
        NotFoundError: it does not exist.
        ConflictError: it has expired.
    """
    collection = await read_collection(queries, tenant, collection_id)
    if collection.status == "expired":
        raise ConflictError("the collection has expired; change its expires_after_s to use it again")


@routes.get("/collections/{collection_id}/files", errors=(404,), within=True)
async def list_files(call: Call, query: FilesQuery) -> Page[CollectionFile]:
    """List the files of a collection, the last added first, all or those with `status` or `batch_id`."""
    database, collection_id = call.services.database, collection_id_of(call)

    async def read(tenant: UUID) -> Page[CollectionFile]:
        rows = await database.many(
            "collection_files/list",
            user_id=tenant,
            collection_id=collection_id,
            batch_id=query.batch_id,
            status=query.status,
            descending=query.sort == "-created_at",
            after=query.after,
            before=None,
            max_rows=one_more(query.limit),
        )
        if not rows:
            await read_collection(database, tenant, collection_id)
        return page(rows, query.limit, file_of, lambda row: row.document_id)

    return await own_or_shared_collection(call, collection_id, read)


@routes.get("/collections/{collection_id}/files/{document_id}", errors=(404,), within=True)
async def get_file(call: Call) -> CollectionFile:
    """Get a file of a collection."""
    collection_id, document_id = collection_id_of(call), _document_id(call)

    async def read(tenant: UUID) -> CollectionFile:
        row = await call.services.database.one(
            "collection_files/get", user_id=tenant, collection_id=collection_id, document_id=document_id
        )
        if row is None:
            raise await missing_file(call, tenant)
        return file_of(row)

    return await own_or_shared_collection(call, collection_id, read)


@routes.patch(
    "/collections/{collection_id}/files/{document_id}",
    errors=(404,),
    within=True,
    example={"attributes": {"year": 2026}},
)
async def update_file(call: Call, body: UpdateFile) -> CollectionFile:
    """Replace the attributes of a file in a collection."""
    check_attributes(body.attributes, "attributes")
    row = await call.services.database.one(
        "collection_files/update",
        user_id=call.principal.tenant,
        collection_id=collection_id_of(call),
        document_id=_document_id(call),
        attributes=body.attributes,
    )
    if row is None:
        raise await missing_file(call, call.principal.tenant)
    return file_of(row)


@routes.delete("/collections/{collection_id}/files/{document_id}", errors=(404,), within=True)
async def remove_file(call: Call) -> None:
    """Take a file out of a collection. The document itself stays."""
    removed = await call.services.database.exec(
        "collection_files/remove",
        user_id=call.principal.tenant,
        collection_id=collection_id_of(call),
        document_id=_document_id(call),
    )
    if not removed:
        raise await missing_file(call, call.principal.tenant)


def _document_id(call: Call) -> UUID:
    return call.path_id("document_id", "document")


async def missing_file(call: Call, tenant: UUID) -> NotFoundError:
    """Return the error for a file that is not in the collection in the path, or for that collection.

    Raises:
        NotFoundError: the collection does not exist.
    """
    await read_collection(call.services.database, tenant, collection_id_of(call))
    return NotFoundError("there is no such document")


def file_of(row: r.CollectionFilesGet) -> CollectionFile:
    """Convert a row to a file of a collection."""
    return CollectionFile(
        document_id=row.document_id,
        collection_id=row.collection_id,
        batch_id=row.batch_id,
        filename=row.filename,
        file_type=row.file_type,
        file_size=row.file_size,
        chunk_count=row.chunk_count,
        status=cast(CollectionFileStatus, row.status),
        error=row.error,
        attributes=row.attributes,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
