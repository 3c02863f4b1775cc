"""Citations of chunks that other users share with the author of a message: `sql/collection_readers/`.

A message stores only a reference to such a chunk: its id, its document and its owner. Its text is read for each answer,
with a share that is valid before and after. Once the share is revoked, or the chunk, its collection or its owner is
deleted, no text of the owner remains in a reader's conversations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from svc.database.calls import Queries
from svc.errors import InvalidRequestError

MAX_LOOKED_UP: Final = 1_000
"""The maximum number of distinct chunks that one request can cite if one of them is shared."""
_MAX_TEXT_BYTES: Final = 4 * 2**20


class _Cited(NamedTuple):
    """A chunk, and its owner at the time of the citation."""

    chunk_id: UUID
    owner_id: UUID


def is_shared(source: dict[str, Any]) -> bool:
    """Whether a stored source is a chunk of another user."""
    return source.get("owner_id") is not None


async def find_shared(queries: Queries, reader: UUID, chunk_ids: Sequence[UUID]) -> list[dict[str, Any] | None]:
    """Return the value that a message stores for each of these chunks; None for a chunk that is not shared.

    Raises:
        InvalidRequestError: there are too many.
    """
    wanted = list(dict.fromkeys(chunk_ids))
    if len(wanted) > MAX_LOOKED_UP:
        raise InvalidRequestError(
            f"sources of other users can be cited in requests with at most {MAX_LOOKED_UP:,} different chunks; send "
            "the messages in several requests",
            field="sources",
        )
    rows = await queries.many(
        "collection_readers/find_chunks", reader_id=reader, chunk_ids=wanted, max_rows=len(wanted)
    )  # fmt: skip
    found = {
        row.chunk_id: {
            "chunk_id": str(row.chunk_id),
            "document_id": str(row.document_id),
            "owner_id": str(row.owner_id),
            "chunk_index": row.chunk_index,
            "filename": "",
            "content": "",
        }
        for row in rows
    }
    return [found.get(chunk_id) for chunk_id in chunk_ids]


async def fill_shared(queries: Queries, reader: UUID, sources: Iterable[dict[str, Any]]) -> None:
    """Set the filename, the text and the `state` of sources that other users share. Without such sources, do nothing.

    An answer contains at most 4 MiB of their texts; further sources have the state `omitted`.
    """
    of_cited: dict[_Cited, list[dict[str, Any]]] = defaultdict(list)
    for source in sources:
        source.update(filename="", content="", state="unavailable")
        of_cited[_Cited(UUID(source["chunk_id"]), UUID(source["owner_id"]))].append(source)
    places = await _places(queries, reader, of_cited) if of_cited else {}
    if not places:
        return
    texts = await _texts(queries, [cited for cited in of_cited if cited in places])
    still = await _places(queries, reader, places)
    left = _MAX_TEXT_BYTES
    for cited, same in of_cited.items():
        if cited not in places or still.get(cited) != places[cited]:
            continue
        for source in same:
            if left <= 0 or cited not in texts:
                source["state"] = "omitted"
                continue
            source["filename"], source["content"] = texts[cited]
            source["state"] = "current"
            left -= len(source["content"].encode())


async def _places(queries: Queries, reader: UUID, cited: Iterable[_Cited]) -> dict[_Cited, tuple[UUID, UUID]]:
    """The share and the collection entry of each shared chunk; both change when it is shared again."""
    wanted = list(cited)
    rows = await queries.many(
        "collection_readers/find_cited",
        reader_id=reader,
        chunk_ids=[each.chunk_id for each in wanted],
        owner_ids=[each.owner_id for each in wanted],
        max_rows=len(wanted),
    )
    return {_Cited(row.chunk_id, row.owner_id): (row.share_id, row.seq) for row in rows}


async def _texts(queries: Queries, cited: Iterable[_Cited]) -> dict[_Cited, tuple[str, str]]:
    """The filename and the text of each chunk, up to the limit of an answer."""
    of_owners: dict[UUID, list[UUID]] = defaultdict(list)
    for each in cited:
        of_owners[each.owner_id].append(each.chunk_id)
    texts: dict[_Cited, tuple[str, str]] = {}
    left = _MAX_TEXT_BYTES
    for owner, chunk_ids in of_owners.items():
        if left <= 0:
            break
        rows = await queries.many(
            "chunks/list_cited", user_id=owner, chunk_ids=chunk_ids, max_bytes=left, max_rows=len(chunk_ids)
        )
        texts |= {_Cited(row.chunk_id, owner): (row.filename, row.content) for row in rows}
        left -= sum(len(row.content.encode()) for row in rows)
    return texts
