"""Documents: `sql/documents/`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from svc import batches
from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import ConflictError, NotFoundError
from svc.fields.validation import Faults
from svc.fields.values import Filename, Metadata, Moment, check_future, check_metadata, check_text
from svc.filters.columns import DOCUMENT_FIELDS
from svc.ingest.formats import StoredType
from svc.routes.limited_keys import check_deletable, listed_collections
from svc.routes.listings import MAX_COUNT, Ids, Listing, ListQuery, read_ids, read_listing
from svc.routes.pages import Limit, Page, counted, one_more, page
from svc.routes.shared_access import Share, own_or_shared_document
from svc.web.conditions import unchanged
from svc.web.request import MERGE_PATCH, Call, media_type
from svc.web.routing import Routes

routes = Routes("documents")

Status = Literal["stored", "processing", "ready", "error"]
DocumentSort = Literal[
    "created_at", "-created_at", "updated_at", "-updated_at", "filename", "-filename", "file_size", "-file_size"
]


class Document(Struct, frozen=True):
    """An uploaded file and the state of its ingestion.

    The status `stored` means that the file is kept, and read only when it is added to a collection. Its `file_type` may
    be `other`, which cannot be read. `purpose` is the client's reason for keeping it. `progress` goes from 0 to 1.
    `warnings` name the parts of the file that were not read. `error` is the reason for status `error`, or the reason
    for a wait while the status is `processing`. The document is deleted within a minute after `expires_at`; null means
    never.
    """

    id: UUID
    filename: str
    file_type: StoredType
    file_size: int
    purpose: str | None
    status: Status
    error: str | None
    attempt: int
    lease_expires_at: datetime | None
    progress: float
    chunk_count: int
    warnings: list[str]
    metadata: dict[str, Any]
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


class UpdateDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields to change. Omitted fields keep their values. A merge patch merges the metadata, JSON replaces it."""

    filename: Filename | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET


class DocumentsQuery(ListQuery, frozen=True, forbid_unknown_fields=True):
    """The page of documents to list: all, or those that match every condition. `filter` is a filter in JSON."""

    limit: Limit = 20
    status: Status | None = None
    collection_ids: Ids | None = None
    sort: DocumentSort | None = None


@routes.get("/documents", within=True)
async def list_documents(call: Call, query: DocumentsQuery) -> Page[Document]:
    """List your documents, newest first or in the order of `sort`.

    The list contains all documents, or those that match `status`, `ids`, `collection_ids` and `filter`, if they are
    sent.
    """
    listing = read_listing(query, query.sort, DOCUMENT_FIELDS)
    collection_ids = listed_collections(call, read_ids(query.collection_ids, "collection_ids"))
    rows = await _as_read(call, await _list(call, query, listing, collection_ids))
    listed = page(rows, query.limit, document_of, listing.cursor)
    if not query.count:
        return listed
    count = await call.services.database.value(
        "documents/count_matching",
        user_id=call.principal.tenant,
        document_ids=listing.ids,
        status=query.status,
        filters=listing.filters,
        collection_ids=collection_ids,
        max_count=MAX_COUNT + 1,
        read_for=call.principal.collection_id,
    )
    return counted(listed, count, MAX_COUNT)


async def _list(
    call: Call, query: DocumentsQuery, listing: Listing, collection_ids: list[UUID] | None
) -> Sequence[r.DocumentsGet]:
    database, tenant, max_rows = call.services.database, call.principal.tenant, one_more(query.limit)
    after = listing.after
    is_plain = listing.is_plain and collection_ids is None
    if is_plain and query.status is None:
        return await database.many("documents/list", user_id=tenant, after=after.id, max_rows=max_rows)
    if is_plain:
        assert query.status is not None
        return await database.many(
            "documents/list_by_status", user_id=tenant, status=query.status, after=after.id, max_rows=max_rows
        )
    return await database.many(
        "documents/list_matching",
        user_id=tenant,
        document_ids=listing.ids,
        status=query.status,
        filters=listing.filters,
        collection_ids=collection_ids,
        sort=listing.order.field,
        descending=listing.order.is_descending,
        after=after.id,
        after_text=after.text,
        after_number=after.number,
        after_time=after.time,
        max_rows=max_rows,
        read_for=call.principal.collection_id,
    )


async def _as_read(call: Call, rows: Sequence[r.DocumentsGet]) -> Sequence[r.DocumentsGet]:
    """For a key that is limited to one collection: the rows with the states of that collection's readings."""
    limit = call.principal.collection_id
    if limit is None or not rows:
        return rows
    readings = await call.services.database.many(
        "documents/list_readings",
        user_id=call.principal.tenant,
        collection_id=limit,
        document_ids=[row.id for row in rows],
        max_rows=len(rows),
    )
    of_ids = {reading.id: reading for reading in readings}
    return [of_ids.get(row.id, row) for row in rows]


@routes.get("/documents/{document_id}", errors=(404,), tagged=True, within=True)
async def get_document(call: Call) -> Document:
    """Get a document with the state of its ingestion: your own, or one in a collection that is shared with you."""
    return await read_document(call, call.path_id("document_id", "document"))


async def read_document(call: Call, document_id: UUID) -> Document:
    """Read a document of the caller, or one that is shared with them.

    Raises:
        NotFoundError: the document does not exist.
    """
    queries = call.services.database
    return await own_or_shared_document(call, document_id, lambda share: _shared(queries, share, document_id))


async def _shared(queries: Queries, share: Share, document_id: UUID) -> Document:
    return document_of(await document_row(queries, share, document_id))


async def document_row(queries: Queries, share: Share, document_id: UUID) -> r.DocumentsGet | None:
    """Read a document with a permission; its state is that of the reading that the caller may see."""
    if share.collection_id is not None and share.reading_id != document_id:
        rows = await queries.many(
            "documents/list_readings",
            user_id=share.owner_id,
            collection_id=share.collection_id,
            document_ids=[document_id],
            max_rows=1,
        )
        return rows[0] if rows else None
    return await queries.one("documents/get", user_id=share.owner_id, document_id=document_id)


async def _document(queries: Queries, tenant: UUID, document_id: UUID) -> Document:
    return document_of(await queries.one("documents/get", user_id=tenant, document_id=document_id))


async def _held(queries: Queries, tenant: UUID, document_id: UUID) -> Document:
    """Lock a document and return it."""
    await queries.many("documents/hold", user_id=tenant, document_ids=[document_id], max_rows=1)
    return await _document(queries, tenant, document_id)


@routes.patch(
    "/documents/{document_id}",
    errors=(404,),
    tagged=True,
    media_type=MERGE_PATCH,
    example={"metadata": {"topic": "astronomy", "reviewed": True}},
)
async def update_document(call: Call, body: UpdateDocument) -> Document:
    """Change a document's filename, metadata or expiry.

    Sent as application/json, `metadata` replaces the metadata as a whole. Sent as application/merge-patch+json, the
    body is a JSON merge patch (RFC 7396): `metadata` is merged, and null removes a member.
    """
    tenant, document_id = call.principal.tenant, call.path_id("document_id", "document")
    is_merge = media_type(call.request) == MERGE_PATCH
    faults = Faults()
    faults.check(check_text, body.filename, "filename")
    faults.check(check_metadata, body.metadata, "metadata")
    faults.check(check_future, body.expires_at, "expires_at")
    faults.raise_if_any()
    expires_at = None if body.expires_at is UNSET else body.expires_at
    async with unchanged(call, lambda queries: _held(queries, tenant, document_id), in_transaction=is_merge) as queries:
        document = document_of(
            await queries.one(
                "documents/update",
                user_id=tenant,
                document_id=document_id,
                filename=None if body.filename is UNSET else body.filename,
                metadata=None if body.metadata is UNSET else body.metadata,
                merge_metadata=is_merge,
                set_expires_at=body.expires_at is not UNSET,
                expires_at=expires_at,
            )
        )
        if is_merge and body.metadata is not UNSET:
            # The patch and the stored metadata are each within the limits; merged, they may exceed them.
            check_metadata(document.metadata, "metadata")
    return document


@routes.delete("/documents/{document_id}", errors=(404, 409), tagged=True, within=True)
async def delete_document(call: Call) -> None:
    """Delete a document with its bytes, chunks and vectors."""
    tenant, document_id = call.principal.tenant, call.path_id("document_id", "document")

    async def held(queries: Queries) -> Document:
        await check_deletable(call, queries, document_id, "document")
        return await _held(queries, tenant, document_id)

    async with unchanged(call, held, in_transaction=call.principal.collection_id is not None) as queries:
        await check_deletable(call, queries, document_id, "document")
        deleted = await queries.exec(
            "documents/delete", user_id=tenant, document_ids=[document_id], max_parts=batches.ERASED_PARTS
        )
    if not deleted:
        raise NotFoundError("there is no such document")


@routes.post(
    "/documents/{document_id}/retry",
    status=202,
    errors=(404, 409),
    repeated="The request can be repeated without harm",
)
async def retry_document(call: Call) -> Document:
    """Ingest a failed document again, with its failed readings for vector stores with other chunk sizes."""
    database, tenant = call.services.database, call.principal.tenant
    document_id = call.path_id("document_id", "document")
    row = await database.one("documents/retry", user_id=tenant, document_id=document_id)
    if row is None:
        document = document_of(await database.one("documents/get", user_id=tenant, document_id=document_id))
        raise ConflictError(
            f"only a document with status error can be retried; the status of this one is {document.status}"
        )
    return document_of(row)


def document_of(row: r.DocumentsGet | None) -> Document:
    """Convert a row to a document.

    Raises:
        NotFoundError: the row is None.
    """
    if row is None:
        raise NotFoundError("there is no such document")
    return Document(
        id=row.id,
        filename=row.filename,
        file_type=row.file_type,
        file_size=row.file_size,
        purpose=row.purpose,
        status=cast(Status, row.status),
        error=row.error,
        attempt=row.attempt,
        lease_expires_at=row.lease_expires_at,
        progress=row.progress,
        chunk_count=row.chunk_count,
        warnings=row.warnings,
        metadata=row.metadata,
        expires_at=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
