"""Refuses the parts of a request that its route would ignore: otherwise a client believes that they take effect."""

from __future__ import annotations

from typing import Protocol

import msgspec
from starlette.requests import Request

from svc.errors import (
    ExpectationFailedError,
    InvalidRequestError,
    MalformedRequestError,
    PreconditionFailedError,
)
from svc.web.conditions import has_match
from svc.web.query_strings import read_query
from svc.web.request import check_encoding, declared_length, read_body

_REPEATED = "Before you send the request again after a lost answer, check whether it took effect"
_SAME = "A request that is sent again has the same effect as one"
# A client that sends one of these relies on the server to compare the bytes with it.
_DIGESTS = ("content-digest", "content-md5", "digest", "repr-digest")
# Behind some proxies, clients send each request as a POST and name its method in a header.
_OTHER_METHODS = ("x-http-method", "x-http-method-override", "x-method-override")
_NOTHING = (b"", b"{}")
# Some clients send an empty object instead of no body.
_MOST_BYTES = 16


class Route(Protocol):
    """A route, as this module sees it."""

    @property
    def method(self) -> str:
        """Its HTTP method."""

    @property
    def is_repeatable(self) -> bool:
        """Whether it supports the header Idempotency-Key."""

    @property
    def repeated(self) -> str | None:
        """A sentence for the error about this header."""

    @property
    def has_tag(self) -> bool:
        """Whether it compares If-Match with the ETag of the resource that it reads or changes."""

    @property
    def changes(self) -> bool:
        """Whether a request can change something."""


# The header fields that are examined below; few requests have one.
_EXAMINED = frozenset(
    name.encode()
    for name in (
        *_DIGESTS, *_OTHER_METHODS, "expect", "content-encoding", "content-range", "idempotency-key", "if-match",
        "if-none-match", "if-unmodified-since",
    )
)  # fmt: skip


class _NoParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The empty query string of a route without parameters."""


def check_headers(request: Request, route: Route) -> None:
    """Refuse header fields that the route would ignore.

    Raises:
        UnsupportedMediaTypeError: the body is compressed.
        The errors of `check_demands` and `check_fields`.
    """
    if not _EXAMINED.isdisjoint([name for name, _ in request.scope["headers"]]):
        check_encoding(request)
        check_demands(request)
        check_fields(request, route)


def check_demands(request: Request) -> None:
    """Refuse a header field that demands something that no route does.

    Raises:
        InvalidRequestError: the request has a digest of its body, which nobody would compare.
        MalformedRequestError: it names another method than the one with which it was sent.
        ExpectationFailedError: it expects something other than 100-continue.
    """
    headers = request.headers
    for name in _DIGESTS:
        if name in headers:
            shown = name.title()
            raise InvalidRequestError(f"the service does not check {shown}; omit it", field=shown)
    for name in _OTHER_METHODS:
        if name in headers:
            shown = name.title()
            raise MalformedRequestError(
                f"the service does not support {shown}; send the request with its method", field=shown
            )
    if headers.get("expect", "100-continue").lower() != "100-continue":
        raise ExpectationFailedError("the only supported Expect is 100-continue", field="Expect")


def check_fields(request: Request, route: Route) -> None:
    """Refuse a header field for safety that the route would ignore.

    Raises:
        InvalidRequestError: the request has an Idempotency-Key, which the route does not support.
        PreconditionFailedError: it has If-Match, If-None-Match or If-Unmodified-Since, which the route cannot compare.
        MalformedRequestError: it has Content-Range, so its body is only a part.
    """
    if "content-range" in request.headers:
        raise MalformedRequestError(
            "a request cannot change only a part; send the whole body without the header Content-Range",
            field="Content-Range",
        )
    if route.method != "GET" and "idempotency-key" in request.headers and not route.is_repeatable:
        same = _SAME if route.method == "PUT" else _REPEATED
        raise InvalidRequestError(
            f"this route does not support Idempotency-Key; omit it. {route.repeated or same}",
            field="Idempotency-Key",
        )
    if has_match(request) and not route.has_tag:
        raise PreconditionFailedError("this route concerns nothing that has an ETag; omit If-Match", field="If-Match")
    if route.changes and "if-unmodified-since" in request.headers:
        raise PreconditionFailedError(
            "changes do not support If-Unmodified-Since; send the ETag of the version in If-Match where the route has "
            "one, and omit If-Unmodified-Since",
            field="If-Unmodified-Since",
        )
    if route.changes and "if-none-match" in request.headers:
        raise PreconditionFailedError(
            "changes do not support If-None-Match; omit it, and send If-Match to change one version only",
            field="If-None-Match",
        )


def refuse_parameters(request: Request) -> None:
    """Refuse a query string.

    Raises:
        InvalidFieldsError: the request has one.
    """
    if request.scope["query_string"]:
        read_query(request, _NoParameters)


async def refuse_body(request: Request) -> None:
    """Refuse a body that is more than an empty object.

    Raises:
        InvalidRequestError: the request has one.
    """
    if not declared_length(request) and "transfer-encoding" not in request.headers:
        return
    is_short = declared_length(request) <= _MOST_BYTES
    if not is_short or (await read_body(request, _MOST_BYTES)).strip() not in _NOTHING:
        raise InvalidRequestError("this route takes no body; omit it", field="(body)")
