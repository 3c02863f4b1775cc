"""Collections of files: `sql/collections/`. Their files are in `collection_files.py`, batches in `file_batches.py`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from svc import batches
from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import ConflictError, NotFoundError
from svc.fields.validation import Faults
from svc.fields.values import Metadata, Name, check_metadata, check_text
from svc.routes.file_counts import FileCounts, counts_of
from svc.routes.idempotency import HEADER, once
from svc.routes.pages import Page, PageQuery, one_more, page
from svc.routes.shared_access import own_or_shared_collection
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("collections")

MAX_COLLECTIONS = 10_000
"""The maximum number of collections of one user."""
MAX_COUNTED = 100_000
"""The maximum number of files that are counted in one collection or batch."""
MAX_COUNTED_IN_LIST = 10_000
"""The maximum number of files that are counted in each collection of a list."""

Description = Annotated[str, Meta(max_length=1000)]
ExpiresAfter = Annotated[
    int, Meta(ge=1, le=10 * 366 * 86_400, description="Seconds after the last use, at most ten years.")
]


class Collection(Struct, frozen=True):
    """A collection of files. `file_bytes` is the sum of the sizes of its files.

    `access` is `owner`, or `reader` if another user shares it with you.

    It expires `expires_after_s` seconds after it was last searched, changed or given a file; null means never. Then
    nothing is found in it, its files leave it within a minute, and `status` is `expired`. The files themselves stay.
    """

    id: UUID
    name: str | None
    description: str | None
    metadata: dict[str, Any]
    status: Literal["active", "expired"]
    file_counts: FileCounts
    file_bytes: int
    expires_after_s: int | None
    expires_at: datetime | None
    last_active_at: datetime
    created_at: datetime
    updated_at: datetime
    access: Literal["owner", "reader"]


class CollectionsQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """The page to return, of your collections or of those that other users share with you."""

    shared: bool = False


class CreateCollection(Struct, frozen=True, forbid_unknown_fields=True):
    """A new collection."""

    name: Name | None = None
    description: Description | None = None
    metadata: Metadata = msgspec.field(default_factory=dict)
    expires_after_s: ExpiresAfter | None = None


class UpdateCollection(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields to change. Omitted fields keep their values."""

    name: Name | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET
    expires_after_s: ExpiresAfter | UnsetType | None = UNSET


@routes.post("/collections", status=201, once=True, errors=(409,), example={"name": "Astronomy"})
async def create_collection(call: Call, body: CreateCollection) -> Collection:
    """Create a collection, to which files can be added."""
    _check(body.name, body.description, body.metadata)
    tenant = call.principal.tenant
    async with once(call, [msgspec.json.encode(body)]) as request:
        if request.earlier is not None:
            return await _created_before(request.queries, tenant, UUID(request.earlier["collection_id"]))
        row = await request.queries.one(
            "collections/create",
            user_id=tenant,
            name=body.name,
            description=body.description,
            metadata=body.metadata,
            expires_after_s=body.expires_after_s,
            max_collections=MAX_COLLECTIONS,
        )
        if row is None:
            raise ConflictError(f"you have {MAX_COLLECTIONS:,} collections, the maximum; delete one")
        await request.keep({"collection_id": row.id})
        return collection_of(row)


async def _created_before(queries: Queries, tenant: UUID, collection_id: UUID) -> Collection:
    row = await queries.one("collections/get", user_id=tenant, collection_id=collection_id, max_count=MAX_COUNTED)
    if row is None:
        raise ConflictError("the collection that was created with this key has been deleted", field=HEADER)
    return collection_of(row)


@routes.get("/collections", within=True)
async def list_collections(call: Call, query: CollectionsQuery) -> Page[Collection]:
    """List your collections, newest first, or those that other users share with you (`shared=true`)."""
    if call.principal.collection_id is not None:
        return await _list_one(call, query, call.principal.collection_id)
    if query.shared:
        return await _list_shared(call, query)
    rows = await call.services.database.many(
        "collections/list",
        user_id=call.principal.tenant,
        descending=True,
        after=query.after,
        before=None,
        max_count=MAX_COUNTED_IN_LIST,
        max_rows=one_more(query.limit),
    )
    return page(rows, query.limit, collection_of, lambda row: row.id)


async def _list_one(call: Call, query: CollectionsQuery, collection_id: UUID) -> Page[Collection]:
    """The list for a key that is limited to one collection."""
    if query.shared or not (query.after is None or collection_id < query.after):
        return Page([], None)
    return Page([await read_collection(call.services.database, call.principal.tenant, collection_id)], None)


async def _list_shared(call: Call, query: CollectionsQuery) -> Page[Collection]:
    rows = await call.services.database.many(
        "collection_readers/list_collections",
        reader_id=call.principal.tenant,
        after=query.after,
        max_count=MAX_COUNTED_IN_LIST,
        max_rows=one_more(query.limit),
    )
    return page(rows, query.limit, lambda row: collection_of(row, "reader"), lambda row: row.id)


@routes.get("/collections/{collection_id}", errors=(404,), within=True)
async def get_collection(call: Call) -> Collection:
    """Get a collection with the number of its files in each state: your own, or one that is shared with you."""
    collection_id, reader = collection_id_of(call), call.principal.tenant

    async def read(tenant: UUID) -> Collection:
        collection = await read_collection(call.services.database, tenant, collection_id)
        return collection if tenant == reader else msgspec.structs.replace(collection, access="reader")

    return await own_or_shared_collection(call, collection_id, read)


@routes.patch("/collections/{collection_id}", errors=(404,), example={"name": "Astronomy and physics"})
async def update_collection(call: Call, body: UpdateCollection) -> Collection:
    """Change a collection's name, description, metadata or expiry. Metadata is replaced as a whole.

    A collection that has expired can be used again afterwards; its files have left it.
    """
    name = None if body.name is UNSET else body.name
    description = None if body.description is UNSET else body.description
    metadata = None if body.metadata is UNSET else body.metadata
    _check(name, description, metadata)
    database, tenant, collection_id = call.services.database, call.principal.tenant, collection_id_of(call)
    await database.exec(
        "collections/update",
        user_id=tenant,
        collection_id=collection_id,
        set_name=body.name is not UNSET,
        name=name,
        set_description=body.description is not UNSET,
        description=description,
        metadata=metadata,
        set_expires_after=body.expires_after_s is not UNSET,
        expires_after_s=None if body.expires_after_s is UNSET else body.expires_after_s,
    )
    return await read_collection(database, tenant, collection_id)


@routes.delete("/collections/{collection_id}", errors=(404,))
async def delete_collection(call: Call) -> None:
    """Delete a collection, and the keys that are limited to it. Its files stay."""
    if not await erase_collection(call, collection_id_of(call)):
        raise no_such_collection()


async def erase_collection(call: Call, collection_id: UUID) -> bool:
    """Delete a collection with the keys that are limited to it. Returns whether it existed."""
    tenant, is_deleted = call.principal.tenant, False
    while not is_deleted:
        async with call.services.database.transaction() as transaction:
            emptied = await transaction.value(
                "collections/empty",
                user_id=tenant,
                collection_id=collection_id,
                max_rows=batches.EMPTIED_FILES,
                is_sweep=False,
            )
            if emptied is None:
                return False
            is_deleted = emptied < batches.EMPTIED_FILES and await transaction.value(
                "collections/delete", user_id=tenant, collection_id=collection_id, max_rows=batches.EMPTIED_FILES
            )
            if is_deleted:
                await transaction.exec("keys/delete_of_collection", user_id=tenant, collection_id=collection_id)
    call.services.authenticator.forget(tenant)
    return True


async def read_collection(queries: Queries, tenant: UUID, collection_id: UUID) -> Collection:
    """Read a collection.

    Raises:
        NotFoundError: it does not exist.
    """
    row = await queries.one("collections/get", user_id=tenant, collection_id=collection_id, max_count=MAX_COUNTED)
    if row is None:
        raise no_such_collection()
    return collection_of(row)


def collection_id_of(call: Call) -> UUID:
    """Return the id of the collection in the path.

    Raises:
        NotFoundError: it is not an id, or the key is limited to another collection.
    """
    collection_id = call.path_id("collection_id", "collection")
    if not call.principal.reaches(collection_id):
        raise no_such_collection()
    return collection_id


def no_such_collection() -> NotFoundError:
    """Return the error for a collection that does not exist."""
    return NotFoundError("there is no such collection")


def collection_of(row: r.CollectionsGet, access: Literal["owner", "reader"] = "owner") -> Collection:
    """Convert a row to a collection."""
    is_expired = row.expires_at is not None and row.expires_at <= datetime.now(UTC)
    return Collection(
        id=row.id,
        name=row.name,
        description=row.description,
        metadata=row.metadata,
        status="expired" if is_expired else "active",
        file_counts=counts_of(row),
        file_bytes=row.file_bytes,
        expires_after_s=row.expires_after_s,
        expires_at=row.expires_at,
        last_active_at=row.last_active_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        access=access,
    )


def _check(name: str | None, description: str | None, metadata: dict[str, Any] | None) -> None:
    faults = Faults()
    faults.check(check_text, name, "name")
    faults.check(check_text, description, "description")
    faults.check(check_metadata, metadata, "metadata")
    faults.raise_if_any()
