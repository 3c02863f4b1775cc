"""Files that are added to a vector store: `sql/collection_files/`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from uuid import UUID

import msgspec
from msgspec import Struct

from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import InvalidRequestError, NotFoundError
from svc.fields.attributes import AttributeValue, check_attributes
from svc.fields.validation import Faults
from svc.ingest.chunk import ChunkSizes
from svc.ingest.formats import CHUNKS
from svc.routes.openai.ids import FILE, read_id, shown_id
from svc.web.request import Call

POLL_AFTER_MS = "openai-poll-after-ms"
"""The header with the time after which to ask again for the state of files that are being read."""

# A small file is read in tens of milliseconds. Without the header, the SDK waits a second.
_POLL_MS = 50
# All readings of a file are deleted with it, in one statement.
_MAX_READINGS = 16


class NewEntry(Struct, frozen=True):
    """A file to add, its attributes in the vector store, and the sizes of its chunks; None means the existing ones."""

    file_id: UUID
    attributes: dict[str, AttributeValue] | None
    chunk_sizes: ChunkSizes | None


class FileCounts(Struct, frozen=True):
    """The number of files in each state."""

    in_progress: int
    completed: int
    failed: int
    cancelled: int
    total: int


class _Counted(Protocol):
    @property
    def processing_count(self) -> int: ...
    @property
    def ready_count(self) -> int: ...
    @property
    def error_count(self) -> int: ...
    @property
    def cancelled_count(self) -> int: ...


def counts_of(row: _Counted) -> FileCounts:
    """The counts of a vector store or batch."""
    counts = row.processing_count, row.ready_count, row.error_count, row.cancelled_count
    return FileCounts(*counts, total=sum(counts))


def note_polling(call: Call, *, is_processing: bool) -> None:
    """Set the time after which to ask again, if files are being read."""
    if is_processing:
        call.answer_headers[POLL_AFTER_MS] = str(_POLL_MS)


def entry_of(
    file_id: str, attributes: dict[str, AttributeValue] | None, chunk_sizes: ChunkSizes | None, field: str
) -> NewEntry:
    """Return the entry of a file.

    Raises:
        NotFoundError: no file can have this id.
    """
    read = read_id(FILE, file_id)
    if read is None:
        raise NotFoundError(f"{field} is not the id of one of your files", field=field)
    return NewEntry(read, attributes, chunk_sizes)


def entries_of_ids(
    file_ids: Iterable[str], attributes: dict[str, AttributeValue] | None, chunk_sizes: ChunkSizes | None
) -> list[NewEntry]:
    """Return the entries of files with the same attributes and chunk sizes.

    Raises:
        NotFoundError: no file can have one of the ids.
    """
    return [entry_of(id_, attributes, chunk_sizes, f"file_ids[{place}]") for place, id_ in enumerate(file_ids)]


async def add_entries(
    call: Call, queries: Queries, store_id: UUID, batch_id: UUID | None, entries: Sequence[NewEntry], *, field: str
) -> Sequence[r.CollectionFilesGet]:
    """Add files to a vector store, all or none, in a transaction.

    A file that another vector store contains with chunks of other sizes gets another reading. A repeated file is added
    once, as if each entry were a request: attributes and chunk sizes of a later entry replace those of an earlier one.

    Raises:
        NotFoundError: the vector store or one of the files does not exist.
        InvalidRequestError: the vector store has expired, an attribute cannot be stored, or a file cannot be split as
        requested.
    """
    faults = Faults()
    for index, entry in enumerate(entries):
        faults.check(
            check_attributes, entry.attributes, "attributes" if field != "files" else f"files[{index}].attributes"
        )
    faults.raise_if_any()
    merged = _merged(entries)
    rows = await _add(call, queries, store_id, batch_id, list(merged.values()))
    if len(rows) < len(merged):
        await check_active(queries, call.principal.tenant, store_id)
        await _check_sizes(call, queries, entries, merged, field)
        raise NotFoundError(f"{field} contains an id that is not the id of one of your files", field=field)
    return rows


def _merged(entries: Iterable[NewEntry]) -> dict[UUID, NewEntry]:
    """The entries by their files, in the order in which these first occur."""
    merged: dict[UUID, NewEntry] = {}
    for entry in entries:
        earlier = merged.get(entry.file_id, entry)
        attributes = earlier.attributes if entry.attributes is None else entry.attributes
        merged[entry.file_id] = NewEntry(entry.file_id, attributes, entry.chunk_sizes or earlier.chunk_sizes)
    return merged


async def _add(
    call: Call, queries: Queries, store_id: UUID, batch_id: UUID | None, entries: Sequence[NewEntry]
) -> Sequence[r.CollectionFilesGet]:
    tenant = call.principal.tenant
    await queries.value(
        "collection_files/hold",
        user_id=tenant,
        collection_id=store_id,
        document_ids=[entry.file_id for entry in entries],
    )
    return await queries.many(
        "collection_files/add",
        user_id=tenant,
        collection_id=store_id,
        batch_id=batch_id,
        files=[_added(entry) for entry in entries],
        max_rows=len(entries),
        only_present=call.principal.collection_id is not None,
        max_readings=_MAX_READINGS,
    )


async def _check_sizes(
    call: Call, queries: Queries, entries: Sequence[NewEntry], merged: dict[UUID, NewEntry], field: str
) -> None:
    """Check that the files can be split as requested.

    Raises:
        InvalidRequestError: one was uploaded in chunks, or is already split in too many ways.
    """
    rows = await queries.many(
        "collection_files/list_split",
        user_id=call.principal.tenant,
        files=[_added(entry) for entry in merged.values()],
        max_readings=_MAX_READINGS,
        max_rows=len(merged),
    )
    split = {row.document_id: row for row in rows}
    for place, entry in enumerate(entries):
        row = split.get(entry.file_id)
        if row is not None and entry.chunk_sizes == merged[entry.file_id].chunk_sizes:
            raise _refused_sizes(row, f"files[{place}].chunking_strategy" if field == "files" else "chunking_strategy")


def _refused_sizes(row: r.CollectionFilesListSplit, field: str) -> InvalidRequestError:
    shown = shown_id(FILE, row.document_id)
    if row.file_type == CHUNKS:
        reason = f"{shown} was uploaded in chunks, which cannot be split again; add it with the strategy auto"
    else:
        reason = f"{shown} is split in {_MAX_READINGS} other ways, the maximum; use one of them"
    return InvalidRequestError(reason, field=field, code="chunking_conflict")


def _added(entry: NewEntry) -> dict[str, Any]:
    attributes = {} if entry.attributes is None else {"attributes": entry.attributes}
    sizes = msgspec.to_builtins(entry.chunk_sizes)
    return {"document_id": str(entry.file_id), **attributes, "chunk_sizes": sizes}


def no_such_store() -> NotFoundError:
    """Return the error for a vector store that does not exist."""
    return NotFoundError("there is no such vector store")


async def check_active(queries: Queries, tenant: UUID, store_id: UUID) -> None:
    """Record that a vector store is used, so that it does not expire.

    Raises:
        NotFoundError: it does not exist.
        InvalidRequestError: it has expired.
    """
    if await queries.many("collections/touch", user_id=tenant, collection_ids=[store_id], max_rows=1):
        return
    await check_store(queries, tenant, store_id)
    raise InvalidRequestError(
        "the vector store has expired; change its expires_after to use it again", code="vector_store_expired"
    )


async def check_store(queries: Queries, tenant: UUID, store_id: UUID) -> None:
    """Check that a vector store exists.

    Raises:
        NotFoundError: it does not exist.
    """
    if await queries.one("collections/get", user_id=tenant, collection_id=store_id, max_count=1) is None:
        raise no_such_store()
