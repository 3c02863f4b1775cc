"""The collections that a search or a selection of documents names."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from svc.errors import InvalidRequestError
from svc.routes.shared_access import Share, find_collections, several_owners
from svc.web.request import Call

MAX_SEARCHED = 100
"""The most collections that one search or selection names."""
CollectionIds = Annotated[
    list[UUID],
    Meta(
        max_length=MAX_SEARCHED,
        description=f"Ids of your collections, or of some that one user shares with you; at most {MAX_SEARCHED}.",
    ),
]


async def find_searched(call: Call, collection_ids: list[UUID]) -> Share | None:
    """Find the collections that are to be searched. None: they are the caller's own.

    Own ones are noted as used, so that they do not expire; a reader's search changes nothing.

    Raises:
        InvalidRequestError: one of them does not exist, is not shared with the caller, or has expired; or they have
            several owners.
    """
    wanted = {*collection_ids}
    rows = await call.services.database.many(
        "collections/touch", user_id=call.principal.tenant, collection_ids=list(wanted), max_rows=MAX_SEARCHED
    )
    others = wanted - {row.id for row in rows}
    if not others:
        return None
    share = await find_collections(call, others)
    if share is None:
        raise not_searchable()
    if rows:
        raise several_owners()
    return share


def not_searchable() -> InvalidRequestError:
    """Return the error for an id of a collection that the caller cannot search."""
    return InvalidRequestError(
        "collection_ids contains an id that is not the id of one of your collections, or of one that has expired",
        field="collection_ids",
    )
