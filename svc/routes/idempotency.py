"""Requests that take effect once, however often they are sent: the header `Idempotency-Key`. `sql/idempotency/`.

The key, the work and the note of what came of it are one transaction. So a key that is there stands for work that was
done; work that failed leaves none; and of requests with one key at the same time the first works while the others wait
for it, and are then told what it did.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from svc.database.queries import Queries
from svc.errors import InvalidRequestError
from svc.jobs.sweep import KEYS_KEPT_S
from svc.vectors.digests import bytes_digest
from svc.web.request import Call

T = TypeVar("T")

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"

_KEY = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")


async def run_once(
    call: Call,
    request: Callable[[], Sequence[bytes]],
    work: Callable[[Queries], Awaitable[T]],
    note: Callable[[T], dict[str, Any]],
    repeat: Callable[[Queries, dict[str, Any]], Awaitable[T]],
    *,
    in_transaction: bool = False,
) -> T:
    """Do `work`; where the request shows a key that did this work before, give what came of it instead.

    `request` gives all that the request asks for: with anything else the same key is refused. `note` makes of a result
    what is kept, and `repeat` of what was kept the result. Without the header it is no more than `work`, in a
    transaction where `in_transaction` asks for one.

    Raises:
        InvalidRequestError: the header is no key, or the key was used for another request.
    """
    database = call.services.database
    if (key := _key_of(call)) is None:
        if not in_transaction:
            return await work(database)
        async with database.transaction() as transaction:
            return await work(transaction)
    named = {"user_id": call.principal.tenant, "route": _route_of(call), "key": key}
    digest = await _digest(request())
    async with database.transaction() as transaction:
        if await transaction.exec("idempotency/claim", **named, request_digest=digest, kept_s=KEYS_KEPT_S):
            result = await work(transaction)
            await transaction.exec("idempotency/keep", **named, result=note(result))
            return result
        earlier = await transaction.one("idempotency/get", **named)
        if earlier is None or earlier["request_digest"] != digest:
            raise InvalidRequestError(
                f"{HEADER} was used for another request within the last 24 hours; send a new key", field=HEADER
            )
        call.answer_headers[REPLAYED_HEADER] = "true"
        return await repeat(transaction, earlier["result"])


def _key_of(call: Call) -> str | None:
    keys = call.request.headers.getlist(HEADER)
    if not keys:
        return None
    if len(keys) > 1 or _KEY.fullmatch(keys[0]) is None:
        raise InvalidRequestError(f"{HEADER} must be one key of 1 to 255 printable ASCII characters", field=HEADER)
    return keys[0]


def _route_of(call: Call) -> str:
    return f"{call.request.method} {call.request.scope['route'].path}"


async def _digest(parts: Sequence[bytes]) -> bytes:
    # Each with its length, so that no two requests run together to the same bytes.
    return await bytes_digest([piece for part in parts for piece in (len(part).to_bytes(8, "big"), part)])
