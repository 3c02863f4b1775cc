"""Reading data that another user shares with the caller: `sql/collection_readers/`.

The caller's own data is searched first. An object that is not found there is looked up in the collections that the
caller may read; then the statement of the route runs for the owner, limited to the requested object. The share is
checked again after the statement, and the result is returned only if the same share was valid throughout, so that a
reader never sees anything that was added to a collection after its share was revoked.

A key that is limited to one collection acts like a reader of that collection of its user, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Final, TypeVar
from uuid import UUID

from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import InvalidRequestError, NotFoundError, UnavailableError
from svc.routes.limited_keys import missing, place_of_chunk, place_of_document
from svc.web.request import Call

T = TypeVar("T")

_MOST_TRIES: Final = 5


@dataclass(frozen=True)
class Share:
    """A permission to read. `marks` change when a collection is shared again, or a document added again.

    For a document, `collection_id` is its collection and `reading_id` its reading there. `chunk_count` and `has_index`
    describe the owner's data, which determines the lane of a search.
    """

    owner_id: UUID
    marks: tuple[UUID, ...]
    collection_id: UUID | None = None
    reading_id: UUID | None = None
    chunk_count: int = field(default=0, compare=False)
    has_index: bool = field(default=False, compare=False)


FindShare = Callable[[], Awaitable[Share | None]]


async def read_while_shared(share: Share | None, find: FindShare, read: Callable[[Share], Awaitable[T]]) -> T | None:
    """Read with a share that is valid before (`share`) and after (`find`). Returns None if there is none.

    Raises:
        UnavailableError: the share was revoked and granted again during every attempt.
    """
    for _ in range(_MOST_TRIES):
        if share is None:
            return None
        result = await read(share)
        now = await find()
        if now == share:
            return result
        share = now
    raise shares_changed()


def shares_changed() -> UnavailableError:
    """Return the error for shares that were revoked or granted again during a read."""
    return UnavailableError(
        "a collection that is shared with you has changed during the request; try again", retry_after_s=1
    )


async def _own_or_shared(call: Call, find: FindShare, read: Callable[[Share], Awaitable[T]]) -> T:
    """Read with the caller as the tenant, or else with the owner who shares it.

    Raises:
        NotFoundError: nothing is shared; the error of the first `read`.
    """
    try:
        return await read(Share(call.principal.tenant, ()))
    except NotFoundError:
        found = await read_while_shared(await find(), find, lambda share: _found(read, share))
        if found is None:
            raise
        return found[0]


async def _within(find: FindShare, read: Callable[[Share], Awaitable[T]], what: str) -> T:
    """Read for a key that is limited to one collection; `find` finds the requested object in it.

    Raises:
        NotFoundError: it is not there.
    """
    found = await read_while_shared(await find(), find, lambda share: _found(read, share))
    if found is None:
        raise missing(what)
    return found[0]


async def _found(read: Callable[[Share], Awaitable[T]], share: Share) -> tuple[T]:
    return (await read(share),)


async def own_or_shared_collection(call: Call, collection_id: UUID, read: Callable[[UUID], Awaitable[T]]) -> T:
    """Read a collection, or a part of it. `read` gets the tenant: the caller, or an owner who shares it.

    Raises:
        NotFoundError: `read` finds nothing for either.
    """
    if call.principal.collection_id is not None:
        return await read(call.principal.tenant)
    return await _own_or_shared(
        call, lambda: find_collections(call, [collection_id]), lambda share: read(share.owner_id)
    )


async def own_or_shared_document(call: Call, document_id: UUID, read: Callable[[Share], Awaitable[T]]) -> T:
    """Read a document, or a part of it. `read` gets the permission: the caller's own, or an owner's share.

    Callers see the main reading of their own documents, and the collection's reading of documents in a collection.

    Raises:
        NotFoundError: `read` finds nothing for either.
    """
    limit, tenant = call.principal.collection_id, call.principal.tenant

    async def find() -> Share | None:
        return _share(
            await call.services.database.one(
                "collection_readers/find_document", reader_id=tenant, document_id=document_id
            )
        )

    async def find_within() -> Share | None:
        assert limit is not None
        place = await place_of_document(call, limit, document_id)
        return None if place is None else Share(tenant, (place.seq,), limit, place.reading_id)

    if limit is not None:
        return await _within(find_within, read, "document")
    return await _own_or_shared(call, find, read)


async def own_or_shared_chunk(call: Call, chunk_id: UUID, read: Callable[[UUID], Awaitable[T]]) -> T:
    """Read a chunk. `read` gets the tenant: the caller, or an owner who shares its document.

    Raises:
        NotFoundError: `read` finds nothing for either.
    """
    limit, tenant = call.principal.collection_id, call.principal.tenant

    async def find() -> Share | None:
        return _share(
            await call.services.database.one("collection_readers/find_chunk", reader_id=tenant, chunk_id=chunk_id)
        )

    async def find_within() -> Share | None:
        assert limit is not None
        place = await place_of_chunk(call, limit, chunk_id)
        return None if place is None else Share(tenant, (place,))

    if limit is not None:
        return await _within(find_within, lambda share: read(share.owner_id), "chunk")
    return await _own_or_shared(call, find, lambda share: read(share.owner_id))


def _share(row: r.CollectionReadersFindDocument | None) -> Share | None:
    return None if row is None else Share(row.owner_id, (row.share_id, row.seq), row.collection_id, row.reading_id)


async def find_collections(call: Call, collection_ids: Collection[UUID]) -> Share | None:
    """The permission of the caller to read all of these collections of one owner; None if one is not shared.

    Raises:
        InvalidRequestError: they have several owners.
    """
    found, share = await find_shared(call, collection_ids)
    return share if len(found) == len(collection_ids) else None


async def find_shared(
    call: Call, collection_ids: Collection[UUID], queries: Queries | None = None
) -> tuple[list[UUID], Share | None]:
    """The readable ones among these collections of one owner, and the permission; None if there are none.

    Raises:
        InvalidRequestError: they have several owners.
    """
    rows = await (queries or call.services.database).many(
        "collection_readers/find_collections",
        reader_id=call.principal.tenant,
        collection_ids=list(collection_ids),
        max_rows=len(collection_ids),
    )
    if not rows:
        return [], None
    if any(row.owner_id != rows[0].owner_id for row in rows):
        raise several_owners()
    marks = tuple(row.share_id for row in rows)
    share = Share(rows[0].owner_id, marks, chunk_count=rows[0].chunk_count, has_index=rows[0].has_index)
    return [row.collection_id for row in rows], share


def several_owners() -> InvalidRequestError:
    """Return the error for a search in collections of several owners, whose scores cannot be compared."""
    return InvalidRequestError(
        "collection_ids contains collections of several owners; search those of one owner at a time",
        field="collection_ids",
    )
