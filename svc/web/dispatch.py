"""Finds the endpoint of a request by its path and its method."""

from __future__ import annotations

from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from svc.database.shares import request_share
from svc.web.routing import Endpoint


def starlette_routes(endpoints: list[Endpoint]) -> list[BaseRoute]:
    """Make one Starlette route for each path, so that other methods answer 405; together they are one route."""
    paths: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    # Paths without parameters come first, since otherwise their last segment would be taken for an id.
    ordered = sorted(paths.items(), key=lambda item: "{" in item[0])
    return [_Resources([_route(path, methods) for path, methods in ordered])]


class _Resources(BaseRoute):
    """Routes by the resource that their paths begin with: Starlette would match a path with all of them in turn."""

    def __init__(self, routes: list[Route]) -> None:
        self._routes: dict[str, list[Route]] = {}
        for route in routes:
            self._routes.setdefault(_resource(route.path), []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a path with the routes of its resource."""
        if scope["type"] == "http":
            for route in self._routes.get(_resource(get_route_path(scope)), ()):
                match, found = route.matches(scope)
                if match is not Match.NONE:
                    return match, {**found, "route": route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request with the route that matches it."""
        await scope["route"].handle(scope, receive, send)


def _resource(path: str) -> str:
    """The beginning of a path that no parameter is part of: the first segment, or the first two below /v1."""
    first, second = [*path.split("/", 3)[1:3], "", ""][:2]
    return f"v1/{second}" if first == "v1" else first


def _route(path: str, methods: dict[str, Endpoint]) -> Route:
    route = Route(path, _Dispatcher(methods))
    # The dispatcher refuses methods: with a list of methods, Starlette would search for another matching route.
    route.methods = None
    return route


class _Dispatcher:
    """The methods of one path, as an ASGI application, since Starlette would wrap a function in two more layers."""

    def __init__(self, methods: dict[str, Endpoint]) -> None:
        # Starlette adds HEAD to GET routes only if it dispatches the methods itself.
        self._methods = {**methods, "HEAD": methods["GET"]} if "GET" in methods else methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._methods.get(scope["method"])
        if endpoint is None:
            raise HTTPException(405, headers={"Allow": ", ".join(self._methods)})
        # The answer may be streamed, and also run statements.
        with request_share():
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)
