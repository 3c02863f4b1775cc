"""`/v1/vector_stores`: collections of the native API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import InvalidRequestError
from svc.fields.validation import Faults
from svc.fields.values import check_text
from svc.routes.collections import MAX_COLLECTIONS, MAX_COUNTED, MAX_COUNTED_IN_LIST, erase_collection
from svc.routes.openai.chunking import Chunking, sizes_of
from svc.routes.openai.ids import STORE, given_id, path_id, shown_id
from svc.routes.openai.lists import Deleted, Listed, Order, listed, walk
from svc.routes.openai.metadata import PairsOfText, check_pairs
from svc.routes.openai.store_entries import FileCounts, add_entries, counts_of, entries_of_ids, no_such_store
from svc.routes.shared_access import own_or_shared_collection
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("OpenAI")

_DAY_S: Final = 86_400
_MOST_FILES: Final = 500

Name = Annotated[str, Meta(max_length=255)]


class StoreExpiry(Struct, frozen=True, forbid_unknown_fields=True):
    """The days after its last use when a vector store expires."""

    anchor: Literal["last_active_at"]
    days: Annotated[int, Meta(ge=1, le=365)]


class CreateStore(Struct, frozen=True, forbid_unknown_fields=True):
    """A new vector store, with up to 500 files."""

    name: Name | None = None
    description: Annotated[str, Meta(max_length=1000)] | None = None
    file_ids: Annotated[list[str], Meta(max_length=_MOST_FILES)] | None = None
    expires_after: StoreExpiry | None = None
    chunking_strategy: Chunking | None = None
    metadata: PairsOfText | None = None


class UpdateStore(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields to change. Metadata is replaced as a whole; null removes a field."""

    name: Name | UnsetType | None = UNSET
    expires_after: StoreExpiry | UnsetType | None = UNSET
    metadata: PairsOfText | UnsetType | None = UNSET


class StoresQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The page of vector stores after `after`, or just before `before`: newest first unless `order` is asc."""

    after: str | None = None
    before: str | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    order: Order = "desc"


class Store(Struct, frozen=True):
    """A vector store. The times are in seconds since 1970."""

    id: str
    created_at: int
    name: str
    description: str | None
    usage_bytes: int
    file_counts: FileCounts
    status: Literal["expired", "in_progress", "completed"]
    expires_after: StoreExpiry | None
    expires_at: int | None
    last_active_at: int
    metadata: dict[str, Any]
    object: Literal["vector_store"] = "vector_store"


@routes.post("/v1/vector_stores", errors=(404,), example={"name": "Astronomy"})
async def openai_create_store(call: Call, body: CreateStore) -> Store:
    """Create a vector store with its first files."""
    _check(body.name, body.description, body.metadata)
    entries = entries_of_ids(body.file_ids or [], None, sizes_of(body.chunking_strategy))
    async with call.services.database.transaction() as transaction:
        row = await transaction.one(
            "collections/create",
            user_id=call.principal.tenant,
            name=body.name,
            description=body.description,
            metadata=body.metadata or {},
            expires_after_s=None if body.expires_after is None else body.expires_after.days * _DAY_S,
            max_collections=MAX_COLLECTIONS,
        )
        if row is None:
            raise InvalidRequestError(f"you have {MAX_COLLECTIONS:,} vector stores, the maximum; delete one")
        if entries:
            await add_entries(call, transaction, row.id, None, entries, field="file_ids")
            row = await _read(transaction, call.principal.tenant, row.id)
    return store_of(row)


@routes.get("/v1/vector_stores", within=True)
async def openai_list_stores(call: Call, query: StoresQuery) -> Listed[Store]:
    """List the vector stores, newest first unless `order` is asc."""
    if call.principal.collection_id is not None:
        return await _list_one(call, query, call.principal.collection_id)
    reading = walk(STORE, query.after, query.before, query.order)
    rows = await call.services.database.many(
        "collections/list",
        user_id=call.principal.tenant,
        descending=reading.descending,
        after=reading.after,
        before=reading.before,
        max_count=MAX_COUNTED_IN_LIST,
        max_rows=query.limit + 1,
    )
    shown, has_more = reading.page(rows, query.limit)
    return listed([store_of(row) for row in shown], lambda store: store.id, has_more=has_more)


async def _list_one(call: Call, query: StoresQuery, store_id: UUID) -> Listed[Store]:
    """The list for a key that is limited to one vector store."""
    after = None if query.after is None else given_id(STORE, query.after, "after")
    before = None if query.before is None else given_id(STORE, query.before, "before")
    is_descending = query.order == "desc"
    is_past = after is not None and (after == store_id or (after < store_id) == is_descending)
    is_behind = before is not None and (before == store_id or (before > store_id) == is_descending)
    if is_past or is_behind:
        return listed([], lambda store: store.id, has_more=False)
    store = store_of(await _read(call.services.database, call.principal.tenant, store_id))
    return listed([store], lambda store: store.id, has_more=False)


@routes.get("/v1/vector_stores/{store_id}", errors=(404,), within=True)
async def openai_get_store(call: Call) -> Store:
    """Get a vector store with the number of its files in each state: your own, or one that is shared with you."""
    store_id = store_id_of(call)
    row = await own_or_shared_collection(call, store_id, lambda tenant: _read(call.services.database, tenant, store_id))
    return store_of(row)


@routes.post("/v1/vector_stores/{store_id}", errors=(404,), example={"name": "Astronomy and physics"})
async def openai_update_store(call: Call, body: UpdateStore) -> Store:
    """Change the name, the expiry or the metadata of a vector store."""
    name = None if body.name is UNSET else body.name
    metadata = None if body.metadata is UNSET else body.metadata or {}
    _check(name, None, metadata)
    database, tenant, store_id = call.services.database, call.principal.tenant, store_id_of(call)
    expiry = body.expires_after
    await database.exec(
        "collections/update",
        user_id=tenant,
        collection_id=store_id,
        set_name=body.name is not UNSET,
        name=name,
        set_description=False,
        description=None,
        metadata=metadata,
        set_expires_after=expiry is not UNSET,
        expires_after_s=expiry.days * _DAY_S if isinstance(expiry, StoreExpiry) else None,
    )
    return store_of(await _read(database, tenant, store_id))


@routes.delete("/v1/vector_stores/{store_id}", errors=(404,))
async def openai_delete_store(call: Call) -> Deleted:
    """Delete a vector store. Its files stay."""
    store_id = store_id_of(call)
    if not await erase_collection(call, store_id):
        raise no_such_store()
    return Deleted(shown_id(STORE, store_id), "vector_store.deleted")


def store_id_of(call: Call) -> UUID:
    """Return the id of the vector store in the path.

    Raises:
        NotFoundError: it is not the id of a vector store, or the key is limited to another one.
    """
    store_id = path_id(call, "store_id", STORE, "vector store")
    if not call.principal.reaches(store_id):
        raise no_such_store()
    return store_id


async def _read(queries: Queries, tenant: UUID, store_id: UUID) -> r.CollectionsGet:
    row = await queries.one("collections/get", user_id=tenant, collection_id=store_id, max_count=MAX_COUNTED)
    if row is None:
        raise no_such_store()
    return row


def store_of(row: r.CollectionsGet) -> Store:
    """Convert a row to a vector store."""
    expires_after_s = row.expires_after_s
    is_expired = row.expires_at is not None and row.expires_at <= datetime.now(UTC)
    return Store(
        id=shown_id(STORE, row.id),
        created_at=int(row.created_at.timestamp()),
        name=row.name or "",
        description=row.description,
        usage_bytes=row.ready_bytes,
        file_counts=counts_of(row),
        status="expired" if is_expired else "in_progress" if row.processing_count else "completed",
        expires_after=None
        if expires_after_s is None
        else StoreExpiry("last_active_at", max(1, round(expires_after_s / _DAY_S))),
        expires_at=None if row.expires_at is None else int(row.expires_at.timestamp()),
        last_active_at=int(row.last_active_at.timestamp()),
        metadata=row.metadata,
    )


def _check(name: str | None, description: str | None, metadata: dict[str, str] | None) -> None:
    faults = Faults()
    faults.check(check_text, name, "name")
    faults.check(check_text, description, "description")
    faults.raise_if_any()
    check_pairs(metadata)
