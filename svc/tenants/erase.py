"""Erasing a tenant: everything of theirs goes, and what went is counted, table by table.

The usual tenant goes in one transaction of two statements. One that is too large for the time a statement may take
goes in parts, the documents and conversations first: whatever ends that in between, the next attempt goes on from
there. An upload or an append that is under way is waited for, and one that comes later finds no user.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from svc.database.queries import Database, Transaction
from svc.database.rows import UsersHold
from svc.database.types import as_dict

# What one statement erases: some seconds' worth, of the ten that a statement may take.
_CHUNKS_AT_ONCE = 20_000
_MESSAGES_AT_ONCE = 50_000
_OWNERS_AT_ONCE = 5_000
_ALL = 2**31 - 1


@dataclass(frozen=True)
class Erased:
    """The rows that went, by table, and whether the tenant had an index of their own, which is still there."""

    rows: dict[str, int]
    had_index: bool


async def erase_user(database: Database, user_id: UUID) -> Erased | None:
    """Erase a user with everything that is theirs; None: there is no such user."""
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
    """Erase a user, if they are there, within a transaction that has the time for it."""
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
    """Erase documents and conversations, a part in a statement, until there are none; add what went to `rows`."""
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
