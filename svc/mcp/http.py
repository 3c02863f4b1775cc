"""`/mcp`: the streamable HTTP transport. Each tool calls this service's own routes with the key of its caller."""

from __future__ import annotations

import httpx
from mcp.server.mcpserver import Context
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cabinet_client import AsyncCabinet
from svc.access.references import header_text
from svc.mcp.server import mcp_server

# The headers that identify the caller.
_IDENTITY = (b"authorization", b"cabinet-user")
_URL = "http://cabinet"
# The longest text of add_document, with escapes.
_MOST_BODY_BYTES = 4 * 2**20


class McpTransport:
    """The ASGI application of the transport; `service` is the application whose routes the tools call."""

    def __init__(self, service: ASGIApp) -> None:
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(service, raise_app_exceptions=False))
        self._server = mcp_server(self._client)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it as `GET /me` refuses its key.

        Each request stands alone, so that any server behind a load balancer can answer it. The key protects the route,
        whatever the Host header says.
        """
        sent = dict(scope["headers"])
        checked = await self._http.get(f"{_URL}/me", headers={name: sent[name] for name in _IDENTITY if name in sent})
        if not checked.is_success:
            kept = {
                name: checked.headers[name] for name in ("www-authenticate", "retry-after") if name in checked.headers
            }
            refusal = Response(checked.content, checked.status_code, kept, checked.headers["content-type"])
            await refusal(scope, receive, send)
            return
        sessions = StreamableHTTPSessionManager(
            self._server._lowlevel_server,
            json_response=True,
            stateless=True,
            max_request_body_size=_MOST_BODY_BYTES,
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        async with sessions.run():
            await sessions.handle_request(scope, receive, send)

    def _client(self, context: Context) -> AsyncCabinet:
        headers = context.headers or {}
        key = headers.get("authorization", "").partition(" ")[2]
        user = headers.get("cabinet-user")
        return AsyncCabinet(_URL, key, user=user and header_text(user), http_client=self._http)
