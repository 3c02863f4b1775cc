"""Requests that take effect once, however often they are sent: the header `Idempotency-Key`. `sql/idempotency/`.

The key, the work and its result are stored in one transaction. A stored key therefore means that the work is complete,
and failed work leaves no key. Concurrent requests with the same key wait for the first and return its result.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypedDict
from uuid import UUID

from svc.database.calls import Queries
from svc.errors import InvalidRequestError
from svc.jobs.sweep import KEYS_KEPT_S
from svc.vectors.digests import bytes_digest
from svc.web.request import Call

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"

_KEY = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")


class _Key(TypedDict):
    user_id: UUID
    route: str
    key: str


class Once:
    """One request within its transaction; `earlier` is the stored result of an earlier request with the same key."""

    def __init__(self, queries: Queries, key: _Key | None = None, earlier: dict[str, Any] | None = None) -> None:
        self.queries = queries
        self.earlier = earlier
        self._key = key

    async def keep(self, result: dict[str, Any]) -> None:
        """Store `result` for requests that repeat this one. Without a key, do nothing."""
        if self._key is not None:
            await self.queries.exec("idempotency/keep", **self._key, result=result)


@asynccontextmanager
async def once(call: Call, parts: Sequence[bytes], *, in_transaction: bool = False) -> AsyncIterator[Once]:
    """Run the block in the transaction that claims the request's key.

    `parts` contains the whole request in bytes: the same key with a different request is refused. Without the header,
    no key is claimed, and the block gets a transaction only if `in_transaction` is set.

    Raises:
        InvalidRequestError: the header is not a valid key, or the key was used for another request.
    """
    database = call.services.database
    key = _key_of(call)
    if key is None and not in_transaction:
        yield Once(database)
        return
    digest = await _digest([*parts, *_limit_of(call)]) if key is not None else b""
    async with database.transaction() as transaction:
        if key is None:
            yield Once(transaction)
            return
        named: _Key = {"user_id": call.principal.tenant, "route": _route_of(call), "key": key}
        if await transaction.exec("idempotency/claim", **named, request_digest=digest, kept_s=KEYS_KEPT_S):
            yield Once(transaction, named)
            return
        earlier = await transaction.one("idempotency/get", **named)
        if earlier is None or earlier.request_digest != digest:
            raise InvalidRequestError(
                f"{HEADER} was used for another request within the last 24 hours; send a new key", field=HEADER
            )
        call.answer_headers[REPLAYED_HEADER] = "true"
        yield Once(transaction, None, earlier.result)


def _key_of(call: Call) -> str | None:
    keys = call.request.headers.getlist(HEADER)
    if not keys:
        return None
    if len(keys) > 1 or _KEY.fullmatch(keys[0]) is None:
        raise InvalidRequestError(f"{HEADER} must be one key of 1 to 255 printable ASCII characters", field=HEADER)
    return keys[0]


def _limit_of(call: Call) -> list[bytes]:
    """The collection of a key that is limited to one: such a key does not get the results of other keys."""
    limit = call.principal.collection_id
    return [] if limit is None else [limit.bytes]


def _route_of(call: Call) -> str:
    return f"{call.request.method} {call.request.scope['route'].path}"


async def _digest(parts: Sequence[bytes]) -> bytes:
    # Each part is preceded by its length, so that different requests cannot concatenate to the same bytes.
    return await bytes_digest([piece for part in parts for piece in (len(part).to_bytes(8, "big"), part)])
