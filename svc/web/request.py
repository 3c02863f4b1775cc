"""One request, as a route sees it, and every error as a problem document (RFC 9457)."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from svc.access.authenticator import Principal
from svc.errors import (
    CabinetError,
    FieldFault,
    InvalidFieldsError,
    InvalidRequestError,
    MalformedRequestError,
    NotFoundError,
    QuotaExceededError,
    TooLargeError,
    UnsupportedMediaTypeError,
)
from svc.fields.validation import (
    MAX_EXPLAINED_BYTES,
    fault_without_value,
    faults_of,
    faults_of_json,
    json_fault,
    shown_field,
)
from svc.fields.values import check_text

if TYPE_CHECKING:
    from svc.services import Services

T = TypeVar("T")

MERGE_PATCH = "application/merge-patch+json"
"""The media type of a JSON merge patch (RFC 7396)."""

ANSWER_HEADERS = "cabinet.answer_headers"
"""Where in the ASGI scope the headers stand that go with every answer to this request, an error too."""

_NO_NUMBER = object()
# Of draft-ietf-httpapi-ratelimit-headers, with its member `violated-policies`.
_QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document, sent as application/problem+json (RFC 9457).

    The last five say which limit of the plan was reached: how much of it is used, how much allowed, and when the use
    begins anew.
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


class JSONResponse(Response):
    """A response whose content is encoded by msgspec."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode structs, dicts, UUIDs, dates and the like as JSON."""
        return msgspec.json.encode(content)


class Call:
    """One request to one route: who calls, the services that answer, and what to add to the answer.

    `answer_headers` are added to it; `answer_status` takes the place of the route's own, where it is set.
    """

    def __init__(self, request: Request, services: Services, principal: Principal) -> None:
        self.request = request
        self.services = services
        self.principal = principal
        self.answer_headers: dict[str, str] = {}
        self.answer_status: int | None = None

    def path_text(self, name: str, what: str) -> str:
        """The word in the path.

        Raises:
            NotFoundError: the database cannot hold it, so there is no `what` of that name either.
        """
        word = str(self.request.path_params[name])
        try:
            check_text(word, name)
        except InvalidRequestError:
            raise NotFoundError(f"there is no such {what}") from None
        return word

    def path_id(self, name: str, what: str) -> UUID:
        """The id in the path.

        Raises:
            NotFoundError: it is no UUID, so there is no `what` of that id either.
        """
        try:
            return UUID(self.request.path_params[name])
        except ValueError:
            raise NotFoundError(f"there is no such {what}") from None


def problem_response(error: CabinetError, request_id: str) -> Response:
    """The answer to a request that ended in `error`."""
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
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="cabinet"'
    return Response(msgspec.json.encode(problem), error.status, headers, media_type="application/problem+json")


async def read_json(request: Request, type_: type[T], limit_bytes: int, kind: str = "application/json") -> T:
    """The body of a request as a `type_`. It is sent as JSON, or as the `kind` of JSON that it is.

    Raises:
        UnsupportedMediaTypeError: it is sent as anything else.
        TooLargeError: it is over `limit_bytes`.
        MalformedRequestError: it is no JSON.
        InvalidRequestError: it is JSON of another shape; names the field.
    """
    if media_type(request) not in ("application/json", kind):
        raise UnsupportedMediaTypeError(f"send JSON, with the header Content-Type: {kind}", field="Content-Type")
    body = await read_body(request, limit_bytes)
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise InvalidFieldsError(faults_of_json(body, type_, error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if field := _place_of_no_number(body):
            raise MalformedRequestError(
                f"{field} is NaN or infinite, which JSON has no number for; send null or leave it out", field=field
            ) from None
        raise MalformedRequestError(f"the body cannot be read as JSON: {json_fault(error, body)}") from None


def _place_of_no_number(body: bytes) -> str | None:
    """The field with the first NaN or infinity, as Python and JavaScript clients write them although JSON has none."""
    if len(body) > MAX_EXPLAINED_BYTES:
        return None
    try:
        value = json.loads(body, parse_constant=lambda _: _NO_NUMBER)
    except (ValueError, RecursionError):
        return None
    stack = [("", value)]
    while stack:
        path, value = stack.pop()
        if value is _NO_NUMBER:
            return shown_field(path)
        if isinstance(value, dict):
            stack += [(f"{path}.{name}".lstrip("."), item) for name, item in reversed(value.items())]
        elif isinstance(value, list):
            stack += [(f"{path}[{index}]", value[index]) for index in reversed(range(len(value)))]
    return None


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The whole body of a request.

    Raises:
        TooLargeError: it is over `limit_bytes`, by its Content-Length or by what has come so far.
    """
    check_declared_length(request, limit_bytes)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit_bytes:
            raise too_large(limit_bytes)
    return bytes(body)


def check_declared_length(request: Request, limit_bytes: int) -> None:
    """Refuse a body by its Content-Length, before any of it is read.

    Raises:
        TooLargeError: it is said to be over `limit_bytes`.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit_bytes:
        raise too_large(limit_bytes)


def too_large(limit_bytes: int) -> TooLargeError:
    """The error for a body over `limit_bytes`."""
    return TooLargeError(f"the body is over {limit_bytes} bytes, the most that this route takes")


def read_query(request: Request, type_: type[T]) -> T:
    """The query string as a `type_`.

    Raises:
        InvalidRequestError: a parameter is unknown, given twice, or of a wrong value; names it.
    """
    items = request.query_params.multi_items()
    values = dict(items)
    if len(values) < len(items):
        counts = Counter(name for name, _ in items)
        twice = ((shown_field(name), count) for name, count in counts.items() if count > 1)
        raise InvalidFieldsError(
            [FieldFault(name, f"{name} is given {count} times; give it once") for name, count in twice]
        )
    try:
        return msgspec.convert(values, type_, strict=False)
    except msgspec.ValidationError as error:
        faults = faults_of(values, type_, is_text=True)
        raise InvalidFieldsError(faults or [fault_without_value(error, type_)]) from None


def media_type(request: Request) -> str:
    """The media type of the body, without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
