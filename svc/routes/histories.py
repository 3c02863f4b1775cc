"""The messages of a conversation that fit into a budget: `sql/messages/context.sql`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import NotFoundError
from svc.messages.exchanges import whole_exchanges


@dataclass(frozen=True)
class History:
    """The messages that fit, oldest first, the number of omitted messages, and the scope of the conversation."""

    rows: Sequence[r.MessagesContext]
    omitted: int
    document_ids: list[UUID]
    collection_ids: list[UUID]


async def read_history(
    queries: Queries, tenant: UUID, conversation_id: UUID, token_budget: int, max_messages: int
) -> History:
    """Read the instructions and the newest messages that fit. A tool's answer is not separated from its call.

    Raises:
        NotFoundError: there is no such conversation.
    """
    rows = await queries.many(
        "messages/context",
        user_id=tenant,
        conversation_id=conversation_id,
        token_budget=token_budget,
        max_messages=max_messages,
    )
    if not rows:
        raise NotFoundError("there is no such conversation")
    first, message_count = rows[0], rows[0].message_count
    fitting = [row for row in rows if row.position]
    kept = whole_exchanges(fitting, is_cut=len(fitting) < message_count)
    return History(kept, message_count - len(kept), first.document_ids, first.collection_ids or [])
