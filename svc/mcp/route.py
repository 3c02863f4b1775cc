"""The route `/mcp`. The SDK of the protocol is imported at the first request, since many services get none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from svc.mcp.http import McpTransport


class McpRoute:
    """The ASGI application behind `/mcp`; `service` is set once the application exists."""

    def __init__(self) -> None:
        self.service: ASGIApp | None = None
        self._transport: asyncio.Task[McpTransport] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # A failed import is retried: the process may have been out of file descriptors.
        if self._transport is None or (self._transport.done() and self._transport.exception() is not None):
            self._transport = asyncio.create_task(self._made())
        transport = await asyncio.shield(self._transport)
        await transport(scope, receive, send)

    async def _made(self) -> McpTransport:
        assert self.service is not None
        return await asyncio.to_thread(_transport, self.service)


def _transport(service: ASGIApp) -> McpTransport:
    from svc.mcp.http import McpTransport  # noqa: PLC0415, it takes half a second

    return McpTransport(service)


def mcp_route() -> tuple[Route, McpRoute]:
    """The route, and the application behind it, whose `service` must be set.

    GET is not supported: its stream would keep a connection open for ever.
    """
    endpoint = McpRoute()
    return Route("/mcp", endpoint, methods=["POST"]), endpoint
