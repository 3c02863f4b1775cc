"""Answers that the protocol gives without the application, as problem documents like the application's."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from svc.errors import CabinetError
from svc.web.problems import problem_response

# The place of the request id in an answer that is kept.
_NUMBER = b"(request number)"
_KEPT: dict[tuple[type[CabinetError], str, float | None], tuple[bytes, bytes]] = {}


def refusal(error: CabinetError, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the whole answer for an error, after which the connection is closed.

    Thousands of them may be due in a second, so each is made once and kept, but for its id and the date.
    """
    known = type(error), error.detail, error.retry_after_s
    if known not in _KEPT:
        # Their details have no values of requests; so there are a few dozen.
        _KEPT[known] = _parts(error)
    head, rest = _KEPT[known]
    dates = b"".join(name + b": " + value + b"\r\n" for name, value in default_headers)
    return head + dates + rest.replace(_NUMBER, secrets.token_hex(len(_NUMBER) // 2).encode())


def _parts(error: CabinetError) -> tuple[bytes, bytes]:
    """The answer for an error in two parts, between which the changing headers belong."""
    response = problem_response(error, _NUMBER.decode())
    headers = [*response.raw_headers, (b"x-request-id", _NUMBER), (b"connection", b"close")]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return STATUS_LINE[error.status], lines + b"\r\n" + bytes(response.body)
