"""Errors in the form of the OpenAI API, for the routes below `/v1`: `{"error": {message, type, param, code}}`.

Its clients react to these statuses and codes (OpenAI API reference, "Error codes"): a wrong value is 400, and an
exhausted quota is 429 with `insufficient_quota`, after which a client must not retry.
"""

from __future__ import annotations

import math

import msgspec
from starlette.responses import Response

from svc.errors import CabinetError, NotFoundError, QuotaExceededError
from svc.fields.validation import WHOLE

_PREFIX = "/v1"
_VERSION = b"2020-10-01"
"""The version of the OpenAI API, which is sent with every answer."""

_STATUSES = {422: 400, 415: 400}
_CODES = {
    401: "invalid_api_key",
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
    429: "rate_limit_exceeded",
}
_WRONG_VALUE = "invalid_value"
"""The code of a wrong field without a specific code."""
_TYPES = {403: "permission_error", 429: "requests"}
# The resources of the dialect that the native API does not have.
_RESOURCES = ("chat", "embeddings", "files", "models", "responses", "uploads", "vector_stores")


class _Error(msgspec.Struct):
    message: str
    type: str
    param: str | None
    code: str | None


def processing_headers(seconds: float) -> list[tuple[bytes, bytes]]:
    """Return the headers of the OpenAI API for the duration of a request and the version of the API."""
    return [(b"openai-processing-ms", str(round(seconds * 1000)).encode()), (b"openai-version", _VERSION)]


def has_openai_errors(path: str) -> bool:
    """Whether the errors of a path have this form."""
    return path == _PREFIX or path.startswith(f"{_PREFIX}/")


def absent_path_error(path: str) -> NotFoundError:
    """Return the error for a path that no route has. It suggests an alternative to clients of the OpenAI API."""
    if has_openai_errors(path):
        return NotFoundError(
            "there is no such path; this service has the embeddings, models, files, uploads, vector stores and "
            "conversations of the OpenAI API. It contains no language model: for chat completions, responses and the "
            "rest, put a gateway such as LiteLLM in front of it, or use a second client for the API that has them",
            code="unknown_url",
        )
    # The target `*` has no slash.
    if path.removeprefix("/").partition("/")[0] in _RESOURCES:
        return NotFoundError(
            "there is no such path; the OpenAI API is below /v1: the base URL of the client must end with it"
        )
    return NotFoundError("there is no such path; /docs lists the paths")


def openai_error_response(error: CabinetError, _request_id: str) -> Response:
    """Convert an error to the answer of a request; its id is in the header `X-Request-Id`."""
    status, code = _STATUSES.get(error.status, error.status), error.code or _CODES.get(error.status)
    kind = "server_error" if status >= 500 else _TYPES.get(status, "invalid_request_error")
    headers: dict[str, str] = {}
    if isinstance(error, QuotaExceededError):
        status = 429
        code = kind = "insufficient_quota"
        headers["X-Should-Retry"] = "false"
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="cabinet"'
    faults = [*error.faults]
    # The body has no list of the faults, so the message has all of them.
    message = "; ".join(fault.detail for fault in faults) if len(faults) > 1 else error.detail
    first = faults[0] if faults else None
    param = None if first is None or first.field == WHOLE else first.field
    if code is None and first is not None:
        code = first.code or (_WRONG_VALUE if status == 400 else None)
    body = {"error": _Error(message, kind, param, code)}
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")
