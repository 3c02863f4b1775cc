"""The readers with whom an owner shares a collection: `sql/collection_readers/`."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from svc.access.references import find_user
from svc.database import rows as r
from svc.database.failures import ConstraintError
from svc.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from svc.routes.collections import collection_id_of, read_collection
from svc.routes.pages import Page, PageQuery, one_more, page
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("collections")

EVERYONE: Final = "everyone"
"""The reader that means all users."""
MAX_READERS: Final = 1000
"""The maximum number of readers of one collection."""


class Reader(Struct, frozen=True):
    """A user who may read a collection. `user_id` is null if everyone may."""

    id: UUID
    user_id: UUID | None
    is_everyone: bool
    created_at: datetime


@routes.put("/collections/{collection_id}/readers/{user}", errors=(404, 409, 422))
async def share_collection(call: Call) -> Reader:
    """Share a collection with a user, who can find and open its documents, but not change them.

    `user` is the id, the email address or the external id of a user, or `everyone`, which requires the admin key with
    Cabinet-User. Repeating it changes nothing.
    """
    database, tenant, collection_id = call.services.database, call.principal.tenant, collection_id_of(call)
    reader_id = await _reader_id(call)
    if reader_id is None and not call.principal.is_admin:
        raise ForbiddenError("sharing with everyone requires the admin key, with Cabinet-User")
    try:
        row = await database.one(
            "collection_readers/add",
            user_id=tenant,
            collection_id=collection_id,
            reader_id=reader_id,
            max_readers=MAX_READERS,
        )
    except ConstraintError as error:
        if error.constraint == "collection_readers_reader_fkey":
            raise _no_such_user() from None
        if error.constraint == "collection_readers_not_owner":
            raise InvalidRequestError("the collection is your own; name another user", field="user") from None
        raise
    if row is None:
        await read_collection(database, tenant, collection_id)
        raise ConflictError(f"the collection has {MAX_READERS:,} readers, the maximum")
    return _reader(row)


@routes.delete("/collections/{collection_id}/readers/{user}", errors=(404,))
async def unshare_collection(call: Call) -> None:
    """Stop sharing a collection with a user or with `everyone`. This takes effect immediately on every server."""
    database, tenant, collection_id = call.services.database, call.principal.tenant, collection_id_of(call)
    removed = await database.exec(
        "collection_readers/remove", user_id=tenant, collection_id=collection_id, reader_id=await _reader_id(call)
    )
    if not removed:
        await read_collection(database, tenant, collection_id)
        raise NotFoundError("the collection is not shared with this user")


@routes.get("/collections/{collection_id}/readers", errors=(404,))
async def list_readers(call: Call, query: PageQuery) -> Page[Reader]:
    """List the readers of your collection, the most recent share first."""
    database, tenant, collection_id = call.services.database, call.principal.tenant, collection_id_of(call)
    rows = await database.many(
        "collection_readers/list",
        user_id=tenant,
        collection_id=collection_id,
        after=query.after,
        max_rows=one_more(query.limit),
    )
    if not rows:
        await read_collection(database, tenant, collection_id)
    return page(rows, query.limit, _reader, lambda row: row.id)


async def _reader_id(call: Call) -> UUID | None:
    """The id of the user in the path; None for everyone.

    Raises:
        NotFoundError: there is no user with this email address or external id.
    """
    word = call.path_text("user", "user")
    if word == EVERYONE:
        return None
    user_id = await find_user(call.services.database, word)
    if user_id is None:
        raise _no_such_user()
    return user_id


def _no_such_user() -> NotFoundError:
    return NotFoundError("there is no such user")


def _reader(row: r.CollectionReadersList) -> Reader:
    return Reader(row.id, row.reader_id, row.reader_id is None, row.created_at)
