"""Conditional requests (RFC 9110): `ETag`, `If-None-Match` and `If-Match`.

The ETag of a resource is a digest of its JSON, so it changes with every visible part of the resource. A
route that is declared with `tagged=True` sends it, and answers 304 to a GET whose `If-None-Match` contains it. A
handler that changes a resource runs its statements in `unchanged`, which compares `If-Match` and refuses with 412.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from svc.database.calls import Queries
from svc.errors import MalformedRequestError, PreconditionFailedError

if TYPE_CHECKING:
    from starlette.requests import Request

    from svc.web.request import Call

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
# Possessive, so that an invalid header is refused after one pass: a client can send 32 KiB of commas and spaces.
_TAGS = re.compile(rf"[\s,]*+{_TAG}(?>\s*+,[\s,]*+{_TAG})*+[\s,]*+")
_ONE_TAG = re.compile(_TAG)
_DIGITS = 32


def etag_of(content: bytes) -> str:
    """Return the strong ETag of a representation."""
    return f'"{hashlib.sha256(content).hexdigest()[:_DIGITS]}"'


def is_known(request: Request, etag: str) -> bool:
    """Return whether the client has this representation, by `If-None-Match`. A malformed header is ignored."""
    sent = ",".join(request.headers.getlist("if-none-match")).strip()
    return sent == "*" or etag in {tag.removeprefix("W/") for tag in _ONE_TAG.findall(sent)}


def has_match(request: Request) -> bool:
    """Return whether the request has the header `If-Match`."""
    return "if-match" in request.headers


def check_match(request: Request, etag: str) -> None:
    """Check the header `If-Match`, if there is one, against the ETag of the resource.

    Raises:
        MalformedRequestError: the header is neither `*` nor a list of ETags.
        PreconditionFailedError: it does not contain the ETag.
    """
    if not has_match(request):
        return
    sent = ",".join(request.headers.getlist("if-match")).strip()
    if sent == "*":
        return
    if _TAGS.fullmatch(sent) is None:
        raise MalformedRequestError(
            'If-Match must be * or ETags in quotation marks, such as "33a64df551425fcc"', field="If-Match"
        )
    # A weak ETag never matches here: RFC 9110, section 13.1.1.
    if etag not in _ONE_TAG.findall(sent):
        raise PreconditionFailedError(
            "it has changed since you read it: its ETag is no longer in If-Match. Get it again, repeat your change on "
            "the new version, and send its ETag",
            field="If-Match",
        )


@asynccontextmanager
async def unchanged(
    call: Call, read: Callable[[Queries], Awaitable[object]], *, in_transaction: bool = False
) -> AsyncIterator[Queries]:
    """Run the statements of the block, which change a resource, only if `If-Match` permits.

    `read` locks the resource and returns the answer of a GET. It runs only if the header was sent, and then in one
    transaction with the block. Without the header, the block gets a transaction only if `in_transaction` is set.

    Raises:
        MalformedRequestError: the header is not a list of ETags.
        PreconditionFailedError: the resource has changed.
    """
    database = call.services.database
    if not has_match(call.request) and not in_transaction:
        yield database
        return
    async with database.transaction() as transaction:
        await check_unchanged(call, read, transaction)
        yield transaction


async def check_unchanged(call: Call, read: Callable[[Queries], Awaitable[object]], queries: Queries) -> None:
    """Check `If-Match` against a resource, which `read` locks and returns.

    Raises:
        MalformedRequestError: the header is not a list of ETags.
        PreconditionFailedError: the resource has changed.
    """
    if has_match(call.request):
        check_match(call.request, etag_of(msgspec.json.encode(await read(queries))))
