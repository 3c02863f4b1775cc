"""Keys that reach one collection: the places of documents in it, and what such a key may name in a request.

Only routes with `within=True` accept such a key. The collection in a path is compared by `collection_id_of` and
`store_id_of`, documents and chunks are read through `shared_access.py`, and everything else with the functions below.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from svc.errors import NotFoundError
from svc.web.request import Call


async def place_of_document(call: Call, collection_id: UUID, document_id: UUID) -> UUID | None:
    """The place of a document in the only collection of the key; it is new when the document is added again."""
    return await call.services.database.value(
        "collection_files/find_document",
        user_id=call.principal.tenant,
        collection_id=collection_id,
        document_id=document_id,
    )


async def place_of_chunk(call: Call, collection_id: UUID, chunk_id: UUID) -> UUID | None:
    """The place of the document of a chunk in the only collection of the key."""
    return await call.services.database.value(
        "collection_files/find_chunk",
        user_id=call.principal.tenant,
        collection_id=collection_id,
        chunk_id=chunk_id,
    )


def listed_collections(call: Call, wanted: Sequence[UUID] | None) -> list[UUID] | None:
    """The collections to which a list of documents is limited: those that the request names, as far as the key goes."""
    limit = call.principal.collection_id
    if limit is None:
        return None if wanted is None else list(wanted)
    return [limit] if wanted is None or limit in wanted else []


def missing(what: str) -> NotFoundError:
    """Return the error for what is not in the collection of the key, as if it did not exist."""
    return NotFoundError(f"there is no such {what}")
