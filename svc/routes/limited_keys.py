"""Keys that are limited to one collection: its documents, and the objects that such a key may name in a request.

Only routes with `within=True` accept such a key. The collection in a path is compared by `collection_id_of` and
`store_id_of`, documents and chunks are read through `shared_access.py`, and everything else with the functions below.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import ConflictError, NotFoundError
from svc.web.request import Call


async def place_of_document(call: Call, collection_id: UUID, document_id: UUID) -> r.CollectionFilesFindDocument | None:
    """The entry of a document in the only collection of the key; adding the document again makes a new entry."""
    return await call.services.database.one(
        "collection_files/find_document",
        user_id=call.principal.tenant,
        collection_id=collection_id,
        document_id=document_id,
    )


async def place_of_chunk(call: Call, collection_id: UUID, chunk_id: UUID) -> UUID | None:
    """The entry of a chunk's document in the only collection of the key."""
    return await call.services.database.value(
        "collection_files/find_chunk",
        user_id=call.principal.tenant,
        collection_id=collection_id,
        chunk_id=chunk_id,
    )


def listed_collections(call: Call, wanted: Sequence[UUID] | None) -> list[UUID] | None:
    """The collections to which a list of documents is limited: those of the request that the key can access."""
    limit = call.principal.collection_id
    if limit is None:
        return None if wanted is None else list(wanted)
    return [limit] if wanted is None or limit in wanted else []


async def put_into(call: Call, queries: Queries, document_id: UUID) -> None:
    """Add a new document to the only collection of the key, in the transaction that creates it. Other keys: do nothing.

    Raises:
        ConflictError: the collection has expired, or was deleted.
    """
    limit = call.principal.collection_id
    if limit is None:
        return
    added = await queries.many(
        "collection_files/add",
        user_id=call.principal.tenant,
        collection_id=limit,
        batch_id=None,
        files=[{"document_id": str(document_id), "attributes": {}}],
        max_rows=1,
    )
    if not added:
        raise ConflictError("the collection of this API key has expired, so that nothing can be added to it")


async def check_deletable(call: Call, queries: Queries, document_id: UUID, what: str) -> None:
    """Check, in a transaction, that a key that is limited to one collection may delete a document. Other keys may.

    Raises:
        NotFoundError: it is not in the collection.
        ConflictError: it is also in other collections.
    """
    limit, tenant = call.principal.collection_id, call.principal.tenant
    if limit is None:
        return
    # The lock keeps others from adding it to a collection before it is deleted.
    await queries.many("documents/hold", user_id=tenant, document_ids=[document_id], max_rows=1)
    rows = await queries.many(
        "collection_files/list_of_document", user_id=tenant, document_id=document_id, first_id=limit, max_rows=2
    )
    if not rows or rows[0].collection_id != limit:
        raise missing(what)
    if len(rows) > 1:
        raise ConflictError(
            f"the {what} is also in other collections, which this API key cannot access; remove it from this one"
        )


@asynccontextmanager
async def in_transaction_if_limited(call: Call) -> AsyncIterator[Queries]:
    """Run the statements of the block in one transaction if the key is limited to one collection."""
    if call.principal.collection_id is None:
        yield call.services.database
        return
    async with call.services.database.transaction() as transaction:
        yield transaction


def missing(what: str) -> NotFoundError:
    """Return the error for an object outside the collection of the key, as if it did not exist."""
    return NotFoundError(f"there is no such {what}")
