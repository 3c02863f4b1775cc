"""Erases all rows of a tenant, and counts them by table.

Most tenants are erased in one transaction of two statements. A tenant that is too large for the statement timeout is
erased in parts: uploads, collections, documents and conversations first; if the process is interrupted, the next
attempt continues. Erasing waits for uploads and appends in progress; later ones find no user.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from svc import batches
from svc.database.deadline import database_budget
from svc.database.deadlocks import again_after_deadlock
from svc.database.queries import Database, Transaction
from svc.database.rows import UsersHold
from svc.database.types import as_dict
from svc.jobs.long_conversations import delete_long

# Documents, and conversations, that one statement erases.
_OWNERS_AT_ONCE = 1_000
# Seconds to wait while a sweep of a worker erases the same document.
_PAUSE_S = 0.05
_ALL = 2**31 - 1


@dataclass(frozen=True)
class Erased:
    """The number of erased rows by table, and whether the tenant had an own index, which still exists."""

    rows: dict[str, int]
    had_index: bool


async def erase_user(database: Database, user_id: UUID) -> Erased | None:
    """Erase a user and all their data. Returns None if there is no such user."""
    rows: Counter[str] = Counter()
    # A large tenant takes any number of bounded statements.
    with database_budget(None):
        while True:
            size, deleted = await again_after_deadlock(lambda: _delete_if_small(database, user_id))
            if size is None:
                return None
            if deleted is not None:
                rows.update(deleted)
                return Erased(dict(rows), size.has_index)
            await _erase_parts(database, user_id, rows)


async def _delete_if_small(database: Database, user_id: UUID) -> tuple[UsersHold | None, dict[str, int] | None]:
    """The size of the user's data, None without the user; and the deleted rows, None if there are too many."""
    async with database.transaction() as transaction:
        size = await transaction.one("users/hold", user_id=user_id, max_rows=_OWNERS_AT_ONCE)
        if size is None or not _is_small(size):
            return size, None
        return size, await _delete(transaction, user_id)


async def erase_in(transaction: Transaction, user_id: UUID) -> None:
    """Erase a user, if they exist, in an open transaction that has no statement timeout."""
    if await transaction.one("users/hold", user_id=user_id, max_rows=_ALL) is not None:
        await _delete(transaction, user_id)


def _is_small(size: UsersHold) -> bool:
    return bool(
        max(size.document_count, size.conversation_count, size.collection_count, size.file_count, size.reader_count)
        < _OWNERS_AT_ONCE
        and size.chunk_count + size.byte_count // 2000 <= batches.ERASED_PARTS
        and size.message_count <= batches.ERASED_MESSAGES
        and not size.has_left_over
        and not size.has_upload_bytes
    )


async def _delete(transaction: Transaction, user_id: UUID) -> dict[str, int]:
    row = await transaction.one("users/delete", user_id=user_id)
    assert row is not None
    return as_dict(row)


async def _erase_parts(database: Database, user_id: UUID, rows: Counter[str]) -> None:
    """Erase uploads, collections, documents and conversations, in bounded statements, and add the counts to `rows`.

    The totals of the user are right after each statement, and if this is interrupted, the sweep erases the remaining
    rows of the deleted documents.
    """
    while True:
        uploaded = await database.one("users/erase_uploads", user_id=user_id, max_rows=batches.SWEPT_FILE_PARTS)
        assert uploaded is not None
        rows.update(as_dict(uploaded))
        if not uploaded.upload_bytes:
            break
    while True:
        collected = await database.one("users/erase_collections", user_id=user_id, max_rows=_OWNERS_AT_ONCE)
        assert collected is not None
        rows.update(as_dict(collected))
        if not any(as_dict(collected).values()):
            break
    while True:
        part = await database.one("users/erase_documents", user_id=user_id, max_rows=_OWNERS_AT_ONCE)
        assert part is not None
        rows.update(as_dict(part))
        if not part.documents:
            break
    await _erase_left_over(database, user_id, rows)
    while True:
        conversations = await database.one(
            "users/erase_conversations", user_id=user_id, max_messages=batches.ERASED_MESSAGES, max_rows=_OWNERS_AT_ONCE
        )
        assert conversations is not None
        rows.update(as_dict(conversations))
        if not conversations.conversations:
            break
    # Those that are left are too long for one statement.
    while long := await database.many("conversations/list", user_id=user_id, after=None, max_rows=100):
        for conversation in long:
            rows.update(await delete_long(database, user_id, conversation.id) or {})


async def _erase_left_over(database: Database, user_id: UUID, rows: Counter[str]) -> None:
    """Erase the remaining rows of the user's deleted documents, possibly concurrently with the sweep."""
    while left := await database.many("users/list_left_over", user_id=user_id, max_rows=_OWNERS_AT_ONCE):
        for row in left:
            while True:
                erased = await database.one(
                    "documents/erase_left_over",
                    user_id=user_id,
                    document_id=row.document_id,
                    max_rows=batches.SWEPT_ROWS,
                    max_parts=batches.SWEPT_FILE_PARTS,
                )
                if erased is None:
                    await asyncio.sleep(_PAUSE_S)
                    break
                rows.update(as_dict(erased))
                if erased.document_contents:
                    break
