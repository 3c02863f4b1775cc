"""Routes are functions whose signatures define request and answer:

    @routes.post("/users", status=201, access="admin")
    async def create_user(call: Call, body: CreateUser) -> UserCreated:
        \"\"\"Create a user. …\"\"\"

`body` is decoded from JSON and `query` from the query string, each into the struct of its annotation; the return value
is encoded. `/openapi.json` is generated from the same annotations, so it always agrees with the validation.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_type_hints

from starlette.requests import Request
from starlette.responses import Response

from svc.access.authenticator import Principal
from svc.database.deadline import database_budget
from svc.database.shares import use_share_of
from svc.errors import ForbiddenError
from svc.log_context import note_in_log
from svc.services import Services
from svc.web.answers import encode_answer
from svc.web.conditions import check_match, etag_of, is_known
from svc.web.query_strings import read_query
from svc.web.request import ANSWER_HEADERS, Call, authenticated, read_json
from svc.web.streams import end_with_key
from svc.web.unused import check_headers, refuse_body, refuse_parameters

BODY_BYTES = 256 * 2**10
"""The default maximum of a route's JSON body: 1,000 ids and metadata fit, however they are escaped.

Any JSON of this size is decoded within a few milliseconds.
"""

# public: no key; any: a valid key; user: a key that acts on one user's data; admin: the admin key; acting: the admin
# key with Cabinet-User.
Access = Literal["public", "any", "user", "admin", "acting"]
Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True)
class Endpoint:
    """One route: its entry in `/openapi.json`, and the arguments in its signature."""

    method: str
    path: str
    handler: Callable[..., Awaitable[Any]]
    tag: str
    access: Access
    status: int
    errors: tuple[int, ...]
    body: Any
    body_bytes: int | None
    query: Any
    returns: Any
    extra: dict[str, Any]

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return (inspect.getdoc(self.handler) or "").partition("\n")[0]

    @property
    def is_tagged(self) -> bool:
        """Whether the route concerns one resource with an ETag."""
        return bool(self.extra.get("tagged"))

    @property
    def has_tag(self) -> bool:
        """Whether the route compares If-Match with the ETag of the resource that it reads or changes."""
        return (self.is_tagged and self.method != "POST") or bool(self.extra.get("ranges"))

    @property
    def is_repeatable(self) -> bool:
        """Whether a request can be repeated safely with the same Idempotency-Key: it is stored, or changes nothing."""
        return bool(self.extra.get("once") or self.extra.get("reads"))

    @property
    def repeated(self) -> str | None:
        """A sentence for the error about the header Idempotency-Key."""
        return self.extra.get("repeated")

    @property
    def reads_body(self) -> bool:
        """Whether the handler itself reads the body."""
        return "upload" in self.extra or "takes" in self.extra

    @property
    def changes(self) -> bool:
        """Whether a request can change something."""
        return self.method != "GET" and not self.extra.get("reads")

    @property
    def is_within(self) -> bool:
        """Whether a key that is limited to one collection may use the route: the handler returns only objects of that
        collection."""
        return bool(self.extra.get("within"))

    @property
    def description(self) -> str:
        """The rest of the handler's docstring."""
        return (inspect.getdoc(self.handler) or "").partition("\n")[2].strip()

    async def __call__(self, request: Request) -> Response:
        """Authenticate the request, read the handler's arguments, run the handler and encode its result."""
        services: Services = request.app.state.services
        # A streamed answer has no budget: each of its pages has the limit of a statement.
        with database_budget(services.settings.request_database_s):
            return await self._answer(request, services)

    async def _answer(self, request: Request, services: Services) -> Response:
        principal = await self._principal(request)
        check_headers(request, self)
        arguments: dict[str, Any] = {}
        if self.query is not None:
            arguments["query"] = read_query(request, self.query)
        elif self.access != "public":
            refuse_parameters(request)
        if self.body is None and self.access != "public" and not self.reads_body:
            await refuse_body(request)
        if self.body is not None:
            kind = self.extra.get("media_type", "application/json")
            most = services.settings.max_body_bytes
            limit_bytes = most if self.body_bytes is None else min(most, self.body_bytes)
            arguments["body"] = await read_json(request, self.body, limit_bytes, kind)
        call = Call(request, services, principal)
        result = await self.handler(call, **arguments)
        if isinstance(result, Response):
            # The admin's key cannot be revoked, and a token is valid until it expires.
            return end_with_key(result, lambda: authenticated(request)) if principal.key_id is not None else result
        if result is None:
            return Response(status_code=204, headers=call.answer_headers)
        content = await encode_answer(result)
        if self.is_tagged and (response := _conditional(request, call, content)):
            return response
        return Response(content, call.answer_status or self.status, call.answer_headers, media_type="application/json")

    async def _principal(self, request: Request) -> Principal:
        if self.access == "public":
            return Principal(is_admin=False)
        principal = await authenticated(request)
        note_in_log(user_id=principal.user_id, document_id=request.path_params.get("document_id"))
        use_share_of(principal.user_id)
        _count(request, request.app.state.services, principal)
        if not principal.can_write and self.changes:
            raise ForbiddenError("this API key can only read; this route requires a key with the scope write")
        if principal.collection_id is not None and not self.is_within:
            raise ForbiddenError("this API key is limited to one collection; this route needs a key without that limit")
        if self.access in ("admin", "acting") and not principal.is_admin:
            raise ForbiddenError("this route requires the admin key")
        if self.access in ("user", "acting"):
            _ = principal.tenant
        return principal


def _conditional(request: Request, call: Call, content: bytes) -> Response | None:
    """Set the ETag of an answer. Returns the answer 304 if the client has this representation, otherwise None."""
    etag = call.answer_headers["ETag"] = etag_of(content)
    if request.method not in ("GET", "HEAD"):
        return None
    check_match(request, etag)
    return Response(status_code=304, headers=call.answer_headers) if is_known(request, etag) else None


def _count(request: Request, services: Services, principal: Principal) -> None:
    """Count the request for its user. Requests of the admin for a user are not limited.

    Raises:
        RateLimitedError: the user's plan allows no more requests in this minute.
    """
    if principal.user_id is None:
        return
    if principal.requests_per_minute is not None:
        state = services.rate_limiter.take(principal.user_id, principal.requests_per_minute)
        request.scope[ANSWER_HEADERS] = state.headers
        if state.is_refused:
            raise state.error
    services.usage.add(principal.user_id, requests=1)


class Routes:
    """The endpoints of one module, in source order."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.endpoints: list[Endpoint] = []

    def get(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Add a GET route. The options are those of `add`."""
        return self.add("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Add a POST route."""
        return self.add("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Add a PUT route."""
        return self.add("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Add a PATCH route."""
        return self.add("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Add a DELETE route."""
        return self.add("DELETE", path, **options)

    def add(
        self,
        method: str,
        path: str,
        *,
        access: Access = "user",
        status: int | None = None,
        errors: tuple[int, ...] = (),
        body_bytes: int | None = BODY_BYTES,
        **extra: Any,
    ) -> Callable[[Handler], Handler]:
        """Register the decorated handler.

        `status` is the status of success (by default 204 if the handler returns nothing, otherwise 200). `errors` are
        statuses besides the usual ones. `body_bytes` is the largest JSON body (None: the setting alone limits it).
        The rest is for `/openapi.json`: `example`, a body; `produces`, a media type
        other than JSON; `answers`, structs by status; `media_type`, the media type of the body; `upload`, the struct of
        a body that the handler reads itself; `takes`, the media type of such a body that is not JSON; `once`, whether
        it supports the header Idempotency-Key; `reads`, whether a POST changes nothing, so that the header does not
        matter; `repeated`, a sentence for the error about the header; `tagged`, whether the answer is one resource with
        an ETag, or the request changes one; `ranges`, whether a GET can request a part; `within`, whether a key that is
        limited to one collection may use it: the handler then ensures that nothing else is read or changed.
        """

        def register(handler: Handler) -> Handler:
            hints = get_type_hints(handler, include_extras=True)
            returns = hints.get("return")
            nothing = returns is None or returns is type(None)
            # The answers of a handler that returns a Response are declared in `produces` or `answers`.
            is_response = isinstance(returns, type) and issubclass(returns, Response)
            self.endpoints.append(
                Endpoint(
                    method,
                    path,
                    handler,
                    self.tag,
                    access,
                    status or (204 if nothing else 200),
                    errors,
                    hints.get("body"),
                    body_bytes,
                    hints.get("query"),
                    None if nothing or is_response else returns,
                    extra,
                )
            )
            return handler

        return register
