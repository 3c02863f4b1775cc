"""What a worker clears away beside its work: documents and conversations whose time is over, and old keys of requests.

Each is looked for across all tenants and deleted a tenant at a time, in batches so small that nobody waits for one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterator, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from svc import metrics
from svc.database.queries import Database
from svc.errors import CabinetError

logger = logging.getLogger(__name__)

KEYS_KEPT_S = 86_400.0
"""For how long the key of a request (`Idempotency-Key`) is kept: a day."""

_EVERY_S = 60.0
_SOON_S = 0.2
_KEYS_AT_ONCE = 500
_EXPIRED_AT_ONCE = 100
# Chunks or messages that go in one statement; one document or conversation that has more goes alone.
_PARTS_AT_ONCE = 20_000


async def sweep_turn(database: Database) -> float:
    """Delete a batch of each kind; the seconds to rest, fewer where there may be more to delete."""
    is_full = [
        await _tried(sweep_documents(database), "documents whose time is over") >= _EXPIRED_AT_ONCE,
        await _tried(sweep_conversations(database), "conversations whose time is over") >= _EXPIRED_AT_ONCE,
        await _tried(sweep_keys(database), "expired keys of requests") >= _KEYS_AT_ONCE,
    ]
    # After a full batch there are more; but others first, nobody waits for this.
    return _SOON_S if any(is_full) else _EVERY_S


async def sweep_documents(database: Database) -> int:
    """Delete one batch of documents whose time is over; how many went."""
    rows = await database.many("documents/list_expired", max_rows=_EXPIRED_AT_ONCE)
    deleted = 0
    for user_id, documents in _batches(rows):
        deleted += await database.value("documents/delete_expired", user_id=user_id, document_ids=documents)
    _note("documents", deleted)
    return deleted


async def sweep_conversations(database: Database) -> int:
    """Delete one batch of conversations whose time is over; how many went."""
    rows = await database.many("conversations/list_expired", max_rows=_EXPIRED_AT_ONCE)
    deleted = 0
    for user_id, conversations in _batches(rows):
        deleted += await database.value("conversations/delete_expired", user_id=user_id, conversation_ids=conversations)
    _note("conversations", deleted)
    return deleted


async def sweep_keys(database: Database) -> int:
    """Delete one batch of expired keys, each tenant's in a statement of its own; how many were found."""
    rows = await database.many("idempotency/list_expired", kept_s=KEYS_KEPT_S, max_rows=_KEYS_AT_ONCE)
    for user_id, keys in _of_tenants(rows).items():
        await database.exec(
            "idempotency/delete_expired",
            user_id=user_id,
            routes=[key.route for key in keys],
            keys=[key.key for key in keys],
            kept_s=KEYS_KEPT_S,
        )
    return len(rows)


async def _tried(sweep: Awaitable[int], what: str) -> int:
    try:
        return await sweep
    except CabinetError as error:
        logger.warning("%s stay for now: %s", what, error.detail)
        return 0


class _Owned(Protocol):
    @property
    def user_id(self) -> UUID: ...


class _Expired(_Owned, Protocol):
    @property
    def id(self) -> UUID: ...

    @property
    def part_count(self) -> int: ...


Owned = TypeVar("Owned", bound=_Owned)


def _of_tenants(rows: Sequence[Owned]) -> dict[UUID, list[Owned]]:
    of_tenants: dict[UUID, list[Owned]] = {}
    for row in rows:
        of_tenants.setdefault(row.user_id, []).append(row)
    return of_tenants


def _batches(rows: Sequence[_Expired]) -> Iterator[tuple[UUID, list[UUID]]]:
    """The ids of each tenant, so many at once as have no more than `_PARTS_AT_ONCE` parts together."""
    for user_id, own in _of_tenants(rows).items():
        batch: list[UUID] = []
        parts = 0
        for row in own:
            if batch and parts + row.part_count > _PARTS_AT_ONCE:
                yield user_id, batch
                batch, parts = [], 0
            batch.append(row.id)
            parts += row.part_count
        yield user_id, batch


def _note(kind: str, deleted: int) -> None:
    if deleted:
        metrics.expired_total.labels(kind).inc(deleted)
        logger.info("%d %s deleted, whose time was over", deleted, kind)
