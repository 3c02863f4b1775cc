"""The request of a route, and its body."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec
from starlette._utils import get_route_path
from starlette.requests import Request
from starlette.responses import Response

from svc.access.authenticator import Principal
from svc.errors import (
    CabinetError,
    InvalidFieldsError,
    InvalidRequestError,
    MalformedRequestError,
    NotFoundError,
    TooLargeError,
    UnsupportedMediaTypeError,
)
from svc.fields.ids import read_id
from svc.fields.json_faults import json_fault, place_of_no_number
from svc.fields.repeated_names import check_names
from svc.fields.validation import faults_of_json, shown_field
from svc.fields.values import check_text
from svc.web.openai_errors import has_openai_errors

if TYPE_CHECKING:
    from svc.services import Services

T = TypeVar("T")

MERGE_PATCH = "application/merge-patch+json"
"""The media type of a JSON merge patch (RFC 7396)."""

ANSWER_HEADERS = "cabinet.answer_headers"
"""The ASGI scope's key for the headers to add to every answer to this request, including errors."""


# Decoding a body in another thread takes a hundred microseconds more.
_DECODED_AT_ONCE_BYTES = 256 * 2**10
_EXPLAINED_AT_ONCE_BYTES = 16 * 2**10


class JSONResponse(Response):
    """A response whose content is encoded with msgspec."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode structs, dicts, UUIDs, dates and the like as JSON."""
        return msgspec.json.encode(content)


class Call:
    """One request to one route: the request, the services, the principal, and changes to the answer.

    `answer_headers` are added to the answer. `answer_status`, if set, replaces the status of the route.
    """

    def __init__(self, request: Request, services: Services, principal: Principal) -> None:
        self.request = request
        self.services = services
        self.principal = principal
        self.answer_headers: dict[str, str] = {}
        self.answer_status: int | None = None

    def path_text(self, name: str, what: str) -> str:
        """Return the text of a path parameter.

        Raises:
            NotFoundError: the database cannot store the text, so no object can have this name.
        """
        word = str(self.request.path_params[name])
        try:
            check_text(word, name)
        except InvalidRequestError:
            raise NotFoundError(f"there is no such {what}") from None
        return word

    def path_id(self, name: str, what: str) -> UUID:
        """Return the id in a path parameter.

        Raises:
            NotFoundError: it is not a UUID, so no object can have this id.
        """
        try:
            return read_id(self.request.path_params[name])
        except ValueError:
            raise NotFoundError(f"there is no such {what}") from None


async def authenticated(request: Request) -> Principal:
    """Return the principal of a request. Raises the errors of `Authenticator.authenticate`."""
    services: Services = request.app.state.services
    return await services.authenticator.authenticate(
        request.headers.get("authorization"),
        request.headers.get("cabinet-user"),
        request.client.host if request.client else None,
    )


async def read_json(request: Request, type_: type[T], limit_bytes: int, kind: str = "application/json") -> T:
    """Read the body of a request as a `type_`. Its media type is application/json or `kind`.

    As in the OpenAI API, a request of that dialect can omit the body instead of sending an empty object.

    Raises:
        UnsupportedMediaTypeError: it has another media type.
        TooLargeError: it is larger than `limit_bytes`.
        MalformedRequestError: it is not JSON.
        InvalidFieldsError: it does not fit `type_`; names the fields.
    """
    given = media_type(request)
    if given in ("application/json", kind):
        return await decode_json(await read_body(request, limit_bytes), type_)
    if given or not has_openai_errors(get_route_path(request.scope)) or await read_body(request, limit_bytes):
        raise UnsupportedMediaTypeError(f"send JSON, with the header Content-Type: {kind}", field="Content-Type")
    return await decode_json(b"{}", type_)


async def decode_json(body: bytes | bytearray, type_: type[T]) -> T:
    """Decode a body as a `type_`. Work that can take more than a few milliseconds runs in a thread.

    Raises:
        MalformedRequestError: it is not JSON.
        InvalidFieldsError: it does not fit `type_`, or an object in it has a name twice; names the fields.
    """
    try:
        if len(body) <= _DECODED_AT_ONCE_BYTES:
            decoded = msgspec.json.decode(body, type=type_)
        else:
            decoded = await asyncio.to_thread(msgspec.json.decode, body, type=type_)
    except msgspec.ValidationError as error:
        raise await _explained(_refused_value, body, type_, error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise await _explained(_malformed, body, error) from None
    if len(body) <= _EXPLAINED_AT_ONCE_BYTES:
        check_names(body)
    else:
        await asyncio.to_thread(check_names, body)
    return decoded


async def _explained(explain: Callable[..., CabinetError], body: bytes | bytearray, *context: Any) -> CabinetError:
    """Explain a refused body. This walks through the body in Python, in a thread if it is large."""
    if len(body) <= _EXPLAINED_AT_ONCE_BYTES:
        return explain(body, *context)
    return await asyncio.to_thread(explain, body, *context)


def _refused_value(body: bytes | bytearray, type_: Any, error: msgspec.ValidationError) -> CabinetError:
    return InvalidFieldsError(faults_of_json(body, type_, error))


def _malformed(body: bytes | bytearray, error: Exception) -> CabinetError:
    if (place := place_of_no_number(body)) is not None:
        field = shown_field(place)
        return MalformedRequestError(
            f"{field} is NaN or infinite, which JSON cannot represent; send null or omit it", field=field
        )
    return MalformedRequestError(f"the body cannot be read as JSON: {json_fault(error, body)}")


async def read_body(request: Request, limit_bytes: int) -> bytearray:
    """Read the whole body of a request.

    Raises:
        TooLargeError: its Content-Length, or the part received so far, exceeds `limit_bytes`.
    """
    check_declared_length(request, limit_bytes)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit_bytes:
            raise too_large(limit_bytes)
    return body


def check_encoding(request: Request) -> None:
    """Refuse a compressed body: a small one can become any number of bytes.

    Raises:
        UnsupportedMediaTypeError: the body has a Content-Encoding other than identity.
    """
    codings = ",".join(request.headers.getlist("content-encoding")).lower()
    if set(codings.replace(" ", "").split(",")) - {"", "identity"}:
        raise UnsupportedMediaTypeError(
            "send the body without compression and without the header Content-Encoding", field="Content-Encoding"
        )


def check_declared_length(request: Request, limit_bytes: int) -> None:
    """Refuse a body by its Content-Length, before reading any of it.

    Raises:
        TooLargeError: the Content-Length exceeds `limit_bytes`.
    """
    if declared_length(request) > limit_bytes:
        raise too_large(limit_bytes)


def declared_length(request: Request) -> int:
    """Return the Content-Length of a request, or 0 without one."""
    declared = request.headers.get("content-length", "")
    # Python refuses to convert very many digits.
    return int(declared[:20]) if declared.isascii() and declared.isdecimal() else 0


def too_large(limit_bytes: int) -> TooLargeError:
    """Return the error for a body larger than `limit_bytes`."""
    return TooLargeError(f"the body is larger than {limit_bytes} bytes, the maximum of this route")


def media_type(request: Request) -> str:
    """Return the media type of the body, without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
