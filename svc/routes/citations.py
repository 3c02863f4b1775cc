"""The sources that messages cite, and whether they still exist unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from svc.database.calls import Queries
from svc.routes.shared_citations import fill_shared, is_shared

# A thousand messages can cite a hundred thousand sources, which are sorted in a thread.
_SORTED_AT_ONCE = 2_000

SourceState = Literal["current", "changed", "deleted", "unavailable", "omitted"]


class Source(Struct, frozen=True):
    """A chunk that a message cites, with its text at the time of the citation.

    `state` is `current` if the document still has this chunk, `changed` if the document exists but no longer has this
    chunk, and `deleted` if the document was deleted. The text of a chunk that another user shares with you is not
    copied. If it no longer exists or is no longer shared, `state` is `unavailable`, and `filename` and `content` are
    empty. `state` is `omitted` once the answer contains 4 MiB of such texts.
    """

    chunk_id: UUID
    document_id: UUID
    filename: str
    chunk_index: int
    content: str
    state: SourceState = "current"


async def mark_sources(queries: Queries, tenant: UUID, sources: Iterable[dict[str, Any]]) -> None:
    """Set the `state` of sources read from the database, and the texts of those that other users share.

    Runs one statement if there are sources; shared sources take two more, and one for each owner.
    """
    listed: list[dict[str, Any]] = []
    shared: list[dict[str, Any]] = []
    for source in sources:
        (shared if is_shared(source) else listed).append(source)
    await fill_shared(queries, tenant, shared)
    if not listed:
        return
    is_long = len(listed) > _SORTED_AT_ONCE
    of_chunks, document_ids = await asyncio.to_thread(_by_chunk, listed) if is_long else _by_chunk(listed)
    stale = await queries.many(
        "messages/list_stale_sources",
        user_id=tenant,
        chunk_ids=list(of_chunks),
        document_ids=document_ids,
        max_rows=len(of_chunks),
    )
    for row in stale:
        for source in of_chunks[row.chunk_id]:
            source["state"] = "deleted" if row.is_deleted else "changed"


def _by_chunk(sources: Iterable[dict[str, Any]]) -> tuple[dict[UUID, list[dict[str, Any]]], list[UUID]]:
    """Return the sources by chunk, and the document of each chunk."""
    of_chunks: dict[UUID, list[dict[str, Any]]] = {}
    for source in sources:
        of_chunks.setdefault(UUID(source["chunk_id"]), []).append(source)
    return of_chunks, [UUID(same[0]["document_id"]) for same in of_chunks.values()]
