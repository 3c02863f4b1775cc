"""Erases all rows of a tenant, and counts them by table.

Most tenants are erased in one transaction of two statements. A tenant that is too large for the statement timeout is
erased in parts, documents and conversations first; if the process is interrupted, the next attempt continues. Erasing
waits for uploads and appends in progress; later ones find no user.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from svc.database.queries import Database, Transaction
from svc.database.rows import UsersHold
from svc.database.types import as_dict

# The most that one statement erases, within some seconds. The statement timeout is ten seconds by default.
_CHUNKS_AT_ONCE = 20_000
_MESSAGES_AT_ONCE = 50_000
_OWNERS_AT_ONCE = 5_000
_ALL = 2**31 - 1


@dataclass(frozen=True)
class Erased:
    """The number of erased rows by table, and whether the tenant had an own index, which still exists."""

    rows: dict[str, int]
    had_index: bool


async def erase_user(database: Database, user_id: UUID) -> Erased | None:
    """Erase a user and all their data. Returns None if there is no such user."""
    rows: Counter[str] = Counter()
    while True:
        async with database.transaction() as transaction:
            size = await transaction.one("users/hold", user_id=user_id, max_rows=_OWNERS_AT_ONCE)
            if size is None:
                return None
            if _is_small(size):
                rows.update(await _delete(transaction, user_id))
                return Erased(dict(rows), size.has_index)
        await _erase_parts(database, user_id, rows)


async def erase_in(transaction: Transaction, user_id: UUID) -> None:
    """Erase a user, if they exist, in an open transaction that has no statement timeout."""
    if await transaction.one("users/hold", user_id=user_id, max_rows=_ALL) is not None:
        await _delete(transaction, user_id)


def _is_small(size: UsersHold) -> bool:
    return bool(
        max(size.document_count, size.conversation_count) < _OWNERS_AT_ONCE
        and size.chunk_count <= _CHUNKS_AT_ONCE
        and size.message_count <= _MESSAGES_AT_ONCE
    )


async def _delete(transaction: Transaction, user_id: UUID) -> dict[str, int]:
    row = await transaction.one("users/delete", user_id=user_id)
    assert row is not None
    return as_dict(row)


async def _erase_parts(database: Database, user_id: UUID, rows: Counter[str]) -> None:
    """Erase documents and conversations, in bounded statements, until none is left; add the counts to `rows`."""
    while True:
        part = await database.one(
            "users/erase_documents", user_id=user_id, max_chunks=_CHUNKS_AT_ONCE, max_rows=_OWNERS_AT_ONCE
        )
        assert part is not None
        rows.update(as_dict(part))
        if not part.documents:
            break
    while True:
        conversations = await database.one(
            "users/erase_conversations", user_id=user_id, max_messages=_MESSAGES_AT_ONCE, max_rows=_OWNERS_AT_ONCE
        )
        assert conversations is not None
        rows.update(as_dict(conversations))
        if not conversations.conversations:
            break
