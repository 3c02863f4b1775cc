"""The collections that a search, a selection of documents or a conversation names."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from svc.database.calls import Queries
from svc.errors import InvalidRequestError
from svc.routes.shared_access import Share, find_shared, several_owners
from svc.web.request import Call

MAX_SEARCHED = 100
"""The maximum number of collections that one search or selection names."""
CollectionIds = Annotated[
    list[UUID],
    Meta(
        max_length=MAX_SEARCHED,
        description=f"Ids of your collections, or of some that one user shares with you; at most {MAX_SEARCHED}.",
    ),
]


async def find_searched(call: Call, collection_ids: list[UUID], queries: Queries | None = None) -> Share | None:
    """Check the collections to search, and find the share with which to read them; None if the caller owns them.

    Searching the caller's own collections postpones their expiry; a reader's search does not.

    Raises:
        InvalidRequestError: one of them does not exist, is not shared with the caller, or has expired; or they have
            several owners.
    """
    own, shared, share = await _find(call, collection_ids, queries)
    if len(own) + len(shared) < len({*collection_ids}):
        raise not_searchable()
    if own and shared:
        raise several_owners()
    return share


async def find_bound(call: Call, collection_ids: list[UUID]) -> tuple[list[UUID], Share | None]:
    """Return the collections of a conversation that the caller can search now, and their share, as `find_searched`.

    The others were deleted, have expired, or are no longer shared with the caller.

    Raises:
        InvalidRequestError: the searchable ones have several owners.
    """
    own, shared, share = await _find(call, collection_ids, None)
    if own and shared:
        raise several_owners()
    return own or shared, share


async def _find(
    call: Call, collection_ids: list[UUID], queries: Queries | None
) -> tuple[list[UUID], list[UUID], Share | None]:
    """The caller's own collections among these, the shared ones, and the share of the latter."""
    wanted = {*collection_ids}
    rows = await (queries or call.services.database).many(
        "collections/touch", user_id=call.principal.tenant, collection_ids=list(wanted), max_rows=MAX_SEARCHED
    )
    own = [row.id for row in rows]
    others = wanted.difference(own)
    shared, share = await find_shared(call, others, queries) if others else ([], None)
    return own, shared, share


def not_searchable() -> InvalidRequestError:
    """Return the error for an id of a collection that the caller cannot search."""
    return InvalidRequestError(
        "collection_ids contains an id that is not the id of one of your collections, or of one that has expired",
        field="collection_ids",
    )
