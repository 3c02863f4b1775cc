"""`/mcp`: the streamable HTTP transport. Each tool calls this service's own routes with the key of its caller."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import httpx
from mcp.server.mcpserver import Context
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cabinet_client import AsyncCabinet
from svc.access.references import header_text
from svc.mcp.messages import MOST_BODY_BYTES, read_message
from svc.mcp.server import mcp_server

# The headers that identify the caller.
_IDENTITY = (b"authorization", b"cabinet-user")
_URL = "http://cabinet"

# The address and port of the caller.
_caller: ContextVar[tuple[str, int] | None] = ContextVar("caller", default=None)


class _InProcess(httpx.AsyncBaseTransport):
    """Calls the service without a connection, with the address of the caller: otherwise one caller's wrong keys would
    count for all callers."""

    def __init__(self, service: ASGIApp) -> None:
        self._service = service

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request of the current caller."""
        client: Any = _caller.get()
        transport = httpx.ASGITransport(self._service, raise_app_exceptions=False, client=client)
        return await transport.handle_async_request(request)


class McpTransport:
    """The ASGI application of the transport; `service` is the application whose routes the tools call."""

    def __init__(self, service: ASGIApp) -> None:
        self._http = httpx.AsyncClient(transport=_InProcess(service))
        self._server = mcp_server(self._client)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it as `GET /me` refuses its key.

        Requests are independent of each other, so that any server behind a load balancer can answer each. The key
        protects the route, whatever the Host header says.
        """
        _caller.set(scope.get("client"))
        sent = dict(scope["headers"])
        checked = await self._http.get(f"{_URL}/me", headers={name: sent[name] for name in _IDENTITY if name in sent})
        if not checked.is_success:
            kept = {
                name: checked.headers[name] for name in ("www-authenticate", "retry-after") if name in checked.headers
            }
            refusal = Response(checked.content, checked.status_code, kept, checked.headers["content-type"])
            await refusal(scope, receive, send)
            return
        message = await read_message(Request(scope, receive))
        if message.is_reply:
            await Response(status_code=202)(scope, receive, send)
            return
        sessions = StreamableHTTPSessionManager(
            self._server._lowlevel_server,
            json_response=True,
            stateless=True,
            max_request_body_size=MOST_BODY_BYTES,
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        async with sessions.run():
            await sessions.handle_request(_accepting(scope), _replayed(message.body, receive), send)

    def _client(self, context: Context) -> AsyncCabinet:
        headers = context.headers or {}
        key = headers.get("authorization", "").partition(" ")[2]
        user = headers.get("cabinet-user")
        return AsyncCabinet(_URL, key, user=user and header_text(user), http_client=self._http)


def _accepting(scope: Scope) -> Scope:
    """Return a scope with the `Accept` that the SDK requires. As on the other routes, the answer is JSON."""
    others = [(name, value) for name, value in scope["headers"] if name != b"accept"]
    return {**scope, "headers": [*others, (b"accept", b"application/json, text/event-stream")]}


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body that has been read, and then continues with the connection."""
    waiting = [body]

    async def replay() -> Message:
        return {"type": "http.request", "body": waiting.pop()} if waiting else await receive()

    return replay
