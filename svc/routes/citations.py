"""The sources that messages cite, and whether they still exist unchanged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from svc.database.calls import Queries

SourceState = Literal["current", "changed", "deleted"]


class Source(Struct, frozen=True):
    """A chunk that a message cites, with its text at the time of the citation.

    `state` is `current` if the document still has this chunk, `changed` if the document exists but no longer has this
    chunk, and `deleted` if the document was deleted.
    """

    chunk_id: UUID
    document_id: UUID
    filename: str
    chunk_index: int
    content: str
    state: SourceState = "current"


async def mark_sources(queries: Queries, tenant: UUID, sources: Iterable[dict[str, Any]]) -> None:
    """Set the `state` of sources read from the database. Runs one statement, or none if there are no sources."""
    of_chunks: dict[UUID, list[dict[str, Any]]] = {}
    for source in sources:
        of_chunks.setdefault(UUID(source["chunk_id"]), []).append(source)
    if not of_chunks:
        return
    stale = await queries.many(
        "messages/list_stale_sources",
        user_id=tenant,
        chunk_ids=list(of_chunks),
        document_ids=[UUID(same[0]["document_id"]) for same in of_chunks.values()],
        max_rows=len(of_chunks),
    )
    for row in stale:
        for source in of_chunks[row.chunk_id]:
            source["state"] = "deleted" if row.is_deleted else "changed"
