"""Deletes a conversation that has too many messages for one statement: in one transaction of bounded statements.

Other sessions never see the conversation without some of its messages, and if the transaction fails, nothing is
deleted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from svc import batches
from svc.database.calls import Queries
from svc.database.deadline import database_budget
from svc.database.queries import Database, Transaction

_ANY = 2**63 - 1


async def delete_long(
    database: Database,
    user_id: UUID,
    conversation_id: UUID,
    check: Callable[[Queries], Awaitable[None]] | None = None,
) -> dict[str, int] | None:
    """Delete a conversation. Returns the number of rows by table, or None if there is no such conversation.

    `check` runs when the conversation is locked; after an error, the conversation is unchanged.
    """
    with database_budget(None):
        async with database.transaction() as transaction:
            if not await transaction.exec("conversations/hold", user_id=user_id, conversation_id=conversation_id):
                return None
            if check is not None:
                await check(transaction)
            rows = await _erase_messages(transaction, user_id, conversation_id)
            await transaction.value(
                "conversations/delete", user_id=user_id, conversation_id=conversation_id, max_messages=_ANY
            )
    return {"conversations": 1, **rows}


async def delete_long_expired(database: Database, user_id: UUID, conversation_id: UUID) -> int:
    """Delete a conversation if it has expired. Returns the number of conversations deleted."""
    try:
        async with database.transaction() as transaction:
            if not await transaction.exec("conversations/hold", user_id=user_id, conversation_id=conversation_id):
                return 0
            await _erase_messages(transaction, user_id, conversation_id)
            await _delete_expired(transaction, user_id, conversation_id)
    except _KeptError:
        return 0
    return 1


class _KeptError(Exception):
    """The conversation has not expired, since its expiry was changed; rolls the transaction back."""


async def _delete_expired(transaction: Transaction, user_id: UUID, conversation_id: UUID) -> None:
    ids = [conversation_id]
    if not await transaction.value("conversations/delete_expired", user_id=user_id, conversation_ids=ids):
        raise _KeptError


async def _erase_messages(transaction: Transaction, user_id: UUID, conversation_id: UUID) -> dict[str, int]:
    messages = vectors = terms = 0
    while True:
        erased = await transaction.one(
            "conversations/erase_messages",
            user_id=user_id,
            conversation_id=conversation_id,
            max_rows=batches.ERASED_MESSAGES,
        )
        assert erased is not None
        messages += erased.messages
        vectors += erased.message_vectors
        terms += erased.message_terms
        if max(erased.messages, erased.message_vectors, erased.message_terms) < batches.ERASED_MESSAGES:
            return {"messages": messages, "message_vectors": vectors, "message_terms": terms}
