"""What a worker clears away beside its work: the keys of requests that were kept for long enough."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from svc.database.queries import Database
from svc.errors import CabinetError

logger = logging.getLogger(__name__)

KEYS_KEPT_S = 86_400.0
"""For how long the key of a request (`Idempotency-Key`) is kept: a day."""

_EVERY_S = 60.0
_SOON_S = 0.2
_KEYS_AT_ONCE = 500


async def keep_sweeping(database: Database) -> None:
    """Clear away once a minute, until cancelled."""
    while True:
        try:
            is_full = await sweep_keys(database) == _KEYS_AT_ONCE
        except CabinetError as error:
            logger.warning("expired keys of requests stay for now: %s", error.detail)
            is_full = False
        # After a full batch there are more; but others first, nobody waits for this.
        await asyncio.sleep(_SOON_S if is_full else _EVERY_S)


async def sweep_keys(database: Database) -> int:
    """Delete one batch of expired keys, each tenant's in a statement of its own; how many were found."""
    rows = await database.many("idempotency/list_expired", kept_s=KEYS_KEPT_S, max_rows=_KEYS_AT_ONCE)
    of_tenants: dict[UUID, list[tuple[str, str]]] = {}
    for row in rows:
        of_tenants.setdefault(row["user_id"], []).append((row["route"], row["key"]))
    for user_id, keys in of_tenants.items():
        await database.exec(
            "idempotency/delete_expired",
            user_id=user_id,
            routes=[route for route, _ in keys],
            keys=[key for _, key in keys],
            kept_s=KEYS_KEPT_S,
        )
    return len(rows)
