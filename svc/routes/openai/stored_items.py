"""Storing items as messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID

from svc.access.quotas import QuotaName, broken_quota
from svc.accounts.quotas import refused
from svc.database import rows as r
from svc.database.calls import Queries
from svc.database.failures import ConstraintError
from svc.routes.messages import check_conversation
from svc.routes.openai.new_items import NewItem, duplicate
from svc.web.request import Call

_ID_KEY = "messages_item_id_idx"


async def append_items(
    call: Call, queries: Queries, conversation_id: UUID, items: Sequence[NewItem], counts: list[int]
) -> Sequence[r.MessagesList]:
    """Append items to a conversation, all or none, and return their rows.

    Raises:
        NotFoundError: there is no such conversation.
        QuotaExceededError: the user's plan allows fewer messages.
        ConstraintError: see `explained`.
    """
    tenant = call.principal.tenant
    rows = await queries.many(
        "messages/append",
        user_id=tenant,
        conversation_id=conversation_id,
        roles=[item.role for item in items],
        # A message without text has a null in the list.
        contents=cast(Sequence[str], [item.content for item in items]),
        token_counts=counts,
        source_messages=[],
        source_chunks=[],
        embed=call.services.settings.embed_messages,
        details=[item.details for item in items],
    )
    if not rows:
        await check_conversation(queries, tenant, conversation_id)
        raise await refused(queries, tenant, {"messages": len(items)})
    return rows


@asynccontextmanager
async def explained(call: Call, wanted: Mapping[QuotaName, int]) -> AsyncIterator[None]:
    """Run the statements of the block, which store items, and explain a violated constraint.

    Raises:
        InvalidRequestError: the conversation already has an item with one of the ids.
        QuotaExceededError: another request used up the quota between the check and the insertion.
    """
    try:
        yield
    except ConstraintError as error:
        if error.constraint == _ID_KEY:
            raise duplicate() from None
        if broken_quota(error.constraint) is None:
            raise
        raise await refused(call.services.database, call.principal.tenant, wanted) from None
