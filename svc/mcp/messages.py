"""Checks a message to `/mcp` before the SDK of the protocol, whose errors are for Python programmers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request

from svc.errors import InvalidRequestError, MalformedRequestError, UnsupportedMediaTypeError
from svc.fields.chat import count_values
from svc.fields.long_text import LONG_BYTES, LongTextReader
from svc.web.request import check_encoding, decode_json, media_type, read_body
from svc.web.unused import check_demands, refuse_parameters

# The longest text of add_document, with escapes.
MOST_BODY_BYTES = 4 * 2**20
_MOST_VALUES = 1_000
# No tool takes an argument with parts; the SDK's own parser gives up at 200.
_MOST_DEPTH = 32
_VERSIONS = (*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS)
_VERSION_HEADER = "MCP-Protocol-Version"


@dataclass(frozen=True)
class Message:
    """A received message. `is_reply` is whether it answers a request of the server, which never sends one."""

    body: bytes
    is_reply: bool


async def read_message(request: Request) -> Message:
    """Read one message of JSON-RPC. Work that can take more than a few milliseconds runs in a thread.

    Raises:
        UnsupportedMediaTypeError: it is not sent as JSON, or compressed.
        ExpectationFailedError: as `check_demands`.
        TooLargeError: it has more bytes than any tool accepts.
        MalformedRequestError: it is not JSON, has more values than any tool accepts, or is for an unknown protocol
            version.
        InvalidRequestError: it is not a message of JSON-RPC, or the request has a query string.
    """
    refuse_parameters(request)
    check_encoding(request)
    check_demands(request)
    if media_type(request) != "application/json":
        raise UnsupportedMediaTypeError(
            "send JSON, with the header Content-Type: application/json", field="Content-Type"
        )
    if request.headers.get(_VERSION_HEADER, _VERSIONS[0]) not in _VERSIONS:
        raise MalformedRequestError(f"{_VERSION_HEADER} must be one of {', '.join(_VERSIONS)}", field=_VERSION_HEADER)
    body = bytes(await read_body(request, MOST_BODY_BYTES))
    reader = LongTextReader()
    if len(body) > LONG_BYTES:
        await asyncio.to_thread(reader.feed, body)
    else:
        reader.feed(body)
    reader.finish()
    message = await decode_json(reader.rest, dict[str, Any])
    if count_values([message], _MOST_VALUES) > _MOST_VALUES:
        raise MalformedRequestError(f"the message has more than {_MOST_VALUES:,} values, the maximum")
    if _is_deeper([message], _MOST_DEPTH):
        raise MalformedRequestError(f"the message is nested more than {_MOST_DEPTH} levels deep")
    _check(message)
    return Message(body, "method" not in message)


def _check(message: dict[str, Any]) -> None:
    number = message.get("id")
    if message.get("jsonrpc") != "2.0":
        raise InvalidRequestError('jsonrpc must be "2.0"', field="jsonrpc")
    # A message without an id is a notification. The SDK also treats a null id so: a client would wait for the answer.
    if "id" in message and (not isinstance(number, str | int) or isinstance(number, bool)):
        raise InvalidRequestError("id must be a string or an integer; omit it in a notification", field="id")
    if "method" not in message:
        if "id" not in message or ("result" in message) == ("error" in message):
            raise InvalidRequestError("method is required: a string, such as tools/list", field="method")
        return
    if not isinstance(message["method"], str):
        raise InvalidRequestError("method must be a string, such as tools/list", field="method")
    params = message.get("params")
    if not (params is None or isinstance(params, dict)):
        raise InvalidRequestError("params must be a JSON object", field="params")
    if message["method"].endswith("/list") and params and params.get("cursor") is not None:
        raise InvalidRequestError("the list has one page only; omit cursor", field="params.cursor")


def _is_deeper(values: list[Any], most: int) -> bool:
    """Whether lists and objects are nested more deeply than `most` levels."""
    for _ in range(most):
        values = [
            inner
            for value in values
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not values:
            return False
    return True
