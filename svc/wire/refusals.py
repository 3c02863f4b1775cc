"""Answers that the protocol gives without the application, as problem documents like the application's."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from svc.errors import CabinetError
from svc.web.request import problem_response


def refusal(error: CabinetError, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the whole answer for an error, after which the connection is closed."""
    request_id = secrets.token_hex(8)
    response = problem_response(error, request_id)
    headers = [
        *default_headers,
        *response.raw_headers,
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return STATUS_LINE[error.status] + lines + b"\r\n" + bytes(response.body)
