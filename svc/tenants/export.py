"""Exports all rows of a tenant as lines, page by page, without holding a connection between pages.

Each page is one statement, bounded in rows and bytes. An export therefore needs the same memory for a tenant of any
size, and a client that reads slowly does not delay others. The disadvantage is that the pages are not one snapshot. Two
rules keep the export consistent:

- A document is followed by its bytes, chunks and vectors; rows of another attempt than the document's are omitted. A
conversation is followed by its messages, up to its last position at that time. Therefore no row precedes its parent,
and no text is mixed from two versions.
- A document or conversation that changes or is deleted during the export is incomplete. The import detects that: it
ingests such a document again from its bytes, and omits deleted ones.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from svc import __version__
from svc.database.by_name import UntypedRow
from svc.database.queries import Database
from svc.database.rows import ServerCurrentModel, UsersGet
from svc.database.types import as_dict
from svc.errors import NotFoundError
from svc.migrations.files import migration_ids
from svc.tenants.records import FENCE, FORMAT, End, Header, encode_line, encode_rows, exported_tables

# The rows of a page: documents or conversations, and rows of any other table.
_OWNERS_A_PAGE = 100
_ROWS_A_PAGE = 500
_BYTES_A_PAGE = 2**20


class Export:
    """The export of one user. `rows` counts the exported rows by table."""

    def __init__(self, database: Database, user: UsersGet, model: ServerCurrentModel) -> None:
        self._database = database
        self._user = user
        self._user_id = user.id
        self._digest = hashlib.sha256()
        self._header = Header(
            format=FORMAT,
            user_id=self._user_id,
            exported_at=datetime.now(UTC),
            cabinet=__version__,
            migration=migration_ids()[-1],
            embedding_model=model.model,
            embedding_dimensions=model.dimensions,
        )
        self._exported = exported_tables(database.statements)
        self.rows = dict.fromkeys(self._exported, 0)

    async def pages(self) -> AsyncIterator[bytes]:
        """Yield pages of lines, each at most about a megabyte unless a single row is larger.

        Raises:
            CabinetError: the database does not answer; the output then lacks the last line.
        """
        yield self._signed(encode_line(self._header))
        async for table, rows in self._tables():
            if rows:
                self.rows[table] += len(rows)
                # In a thread, because encoding a megabyte takes some milliseconds.
                yield await asyncio.to_thread(self._lines, table, rows)
        yield encode_line(End(rows=self.rows, sha256=self._digest.hexdigest()))

    def _lines(self, table: str, rows: Iterable[UntypedRow]) -> bytes:
        kept = [column.name for column in self._exported[table].columns if column.name != FENCE]
        return self._signed(encode_rows(table, [{column: row[column] for column in kept} for row in rows]))

    def _signed(self, lines: bytes) -> bytes:
        self._digest.update(lines)
        return lines

    async def _tables(self) -> AsyncIterator[tuple[str, Sequence[UntypedRow]]]:
        """Yield pages of rows with their table; each row follows the rows that it references."""
        yield "users", [as_dict(self._user)]
        async for keys in self._paged("export/api_keys", ["id"]):
            yield "api_keys", keys
        async for days in self._paged("export/usage_days", ["day", "slot"]):
            yield "usage_days", days
        async for documents in self._paged("export/documents", ["id"], of_owners=True):
            yield "documents", documents
            async for page in self._document_parts(documents):
                yield page
        async for collections in self._paged("export/collections", ["id"], of_owners=True):
            yield "collections", collections
            ids = [row["id"] for row in collections]
            async for file_batches in self._paged("export/file_batches", ["collection_id", "id"], collection_ids=ids):
                yield "file_batches", file_batches
            async for files in self._paged("export/collection_files", ["collection_id", "file_id"], collection_ids=ids):
                yield "collection_files", files
        async for conversations in self._paged("export/conversations", ["id"], of_owners=True):
            yield "conversations", conversations
            async for page in self._conversation_parts(conversations):
                yield page

    async def _document_parts(self, documents: Sequence[UntypedRow]) -> AsyncIterator[tuple[str, Sequence[UntypedRow]]]:
        attempts = {row["id"]: row["attempt"] for row in documents}
        async for contents in self._paged(
            "export/document_contents", ["document_id"], document_ids=list(attempts), max_bytes=_BYTES_A_PAGE
        ):
            yield "document_contents", contents
            if in_parts := [row["document_id"] for row in contents if not row["content"]]:
                async for parts in self._paged(
                    "export/file_parts",
                    ["document_id", "first_byte"],
                    document_ids=in_parts,
                    max_bytes=_BYTES_A_PAGE,
                ):
                    yield "file_parts", parts
        first, last = documents[0]["id"], documents[-1]["id"]
        async for found in self._paged(
            "export/chunks",
            ["document_id", "chunk_index"],
            first_document_id=first,
            last_document_id=last,
            max_bytes=_BYTES_A_PAGE,
        ):
            chunks = [row for row in found if attempts.get(row["document_id"]) == row[FENCE]]
            if chunks:
                yield "chunks", chunks
                yield "chunk_vectors", await self._vectors_of(chunks)

    async def _vectors_of(self, chunks: Sequence[UntypedRow]) -> Sequence[UntypedRow]:
        ids = [row["id"] for row in chunks]
        return await self._database.many_by_name(
            "export/chunk_vectors", {"user_id": self._user_id, "chunk_ids": ids, "max_rows": len(ids)}
        )

    async def _conversation_parts(
        self, conversations: Sequence[UntypedRow]
    ) -> AsyncIterator[tuple[str, Sequence[UntypedRow]]]:
        last_positions = {row["id"]: row["message_count"] + row["deleted_message_count"] for row in conversations}
        async for scopes in self._paged(
            "export/conversation_documents", ["conversation_id", "document_id"], conversation_ids=list(last_positions)
        ):
            yield "conversation_documents", scopes
        place = {
            "first_conversation_id": conversations[0]["id"],
            "last_conversation_id": conversations[-1]["id"],
        }
        async for messages in self._paged(
            "export/messages", ["conversation_id", "position"], **place, max_bytes=_BYTES_A_PAGE
        ):
            yield "messages", _up_to(messages, last_positions)
        async for vectors in self._paged("export/message_vectors", ["conversation_id", "position", "piece"], **place):
            yield "message_vectors", _up_to(vectors, last_positions)

    async def _paged(
        self, name: str, keys: list[str], *, of_owners: bool = False, **arguments: Any
    ) -> AsyncIterator[Sequence[UntypedRow]]:
        """Yield the pages of a statement; each begins after the `keys` of the last row of the previous page."""
        after: dict[str, Any] = {f"after_{key}": None for key in keys}
        max_rows = _OWNERS_A_PAGE if of_owners else _ROWS_A_PAGE
        # A page that is also limited in bytes can be short without being the last.
        is_limited_by_rows = "max_bytes" not in arguments
        fixed = {"user_id": self._user_id, "max_rows": max_rows, **arguments}
        while rows := await self._database.many_by_name(name, {**fixed, **after}):
            yield rows
            if is_limited_by_rows and len(rows) < max_rows:
                return
            after = {f"after_{key}": rows[-1][key] for key in keys}


def _up_to(rows: Sequence[UntypedRow], last_positions: dict[UUID, int]) -> Sequence[UntypedRow]:
    """The rows that were in their conversation when it was exported."""
    return [row for row in rows if row["position"] <= last_positions.get(row["conversation_id"], 0)]


async def find_export(database: Database, user_id: UUID) -> Export:
    """Prepare the export of a user.

    Raises:
        NotFoundError: there is no such user.
    """
    user = await database.one("users/get", user_id=user_id)
    if user is None:
        raise NotFoundError("there is no such user")
    model = await database.one("server/current_model")
    assert model is not None
    return Export(database, user, model)
