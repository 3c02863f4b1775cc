"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

import math
from datetime import datetime

import msgspec
from starlette.responses import Response

from svc.errors import CabinetError, QuotaExceededError, RangeNotSatisfiableError
from svc.field_faults import FieldFault

# Defined in draft-ietf-httpapi-ratelimit-headers, as is the member `violated-policies`.
_QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document, sent as application/problem+json (RFC 9457).

    The last five fields are set if a limit of the plan was reached. They name the limit, how much of it is used, how
    much is allowed, and when the usage is reset.
    """

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    request_id: str | None = None
    errors: list[FieldFault] = []
    violated_policies: list[str] = msgspec.field(default_factory=list, name="violated-policies")
    quota: str | None = None
    used: int | None = None
    allowed: int | None = None
    resets_at: datetime | None = None


def problem_response(error: CabinetError, request_id: str) -> Response:
    """Convert an error to the answer of the request."""
    problem = Problem(
        title=error.title, status=error.status, detail=error.detail, request_id=request_id, errors=[*error.faults]
    )
    if isinstance(error, QuotaExceededError):
        problem = msgspec.structs.replace(
            problem,
            type=_QUOTA_EXCEEDED,
            violated_policies=[error.quota],
            quota=error.quota,
            used=error.used,
            allowed=error.allowed,
            resets_at=error.resets_at,
        )
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, RangeNotSatisfiableError):
        headers["Content-Range"] = f"bytes */{error.size}"
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="cabinet"'
    return Response(msgspec.json.encode(problem), error.status, headers, media_type="application/problem+json")
