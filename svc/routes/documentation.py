"""The entry points: `/` with links, `/openapi.json`, and `/docs`, which shows the API without internet access."""

from __future__ import annotations

import asyncio

import msgspec
from msgspec import Struct
from starlette.responses import HTMLResponse, Response

from svc import __version__
from svc.web.openapi import openapi_document
from svc.web.request import Call
from svc.web.routing import Endpoint, Routes

routes = Routes("service")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cabinet API</title>
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script>
window.ui = SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
  persistAuthorization: true, defaultModelsExpandDepth: 0});
</script>
</body>
</html>
"""


class Links(Struct, frozen=True):
    """Paths of this service that require no key."""

    docs: str = "/docs"
    openapi: str = "/openapi.json"
    live: str = "/health/live"
    ready: str = "/health/ready"
    metrics: str = "/metrics"


class Root(Struct, frozen=True):
    """The name and version of the service, with links."""

    name: str
    version: str
    links: Links


@routes.get("/", access="public", answers={303: Root})
async def root(call: Call) -> Root:
    """Get the name and version of the service, with links.

    A browser (a client whose Accept header contains text/html) is redirected to `/docs`.
    """
    # A cache must not serve the redirect for browsers to other clients.
    call.answer_headers["Vary"] = "Accept"
    accepted = call.request.headers.get("accept", "")
    if "text/html" in accepted and "application/json" not in accepted:
        call.answer_status = 303
        call.answer_headers["Location"] = "docs"
    prefix = call.services.settings.root_path
    links = {field.name: prefix + str(field.default) for field in msgspec.structs.fields(Links)}
    return Root("Cabinet", __version__, Links(**links))


@routes.get("/openapi.json", access="public", produces="application/json")
async def openapi(call: Call) -> Response:
    """Get the description of the API as OpenAPI 3.1."""
    state = call.request.app.state
    if not hasattr(state, "openapi"):
        # Generated once, in a thread, since it takes a hundred milliseconds.
        prefix = call.services.settings.root_path
        state.openapi = await asyncio.to_thread(_document, state.endpoints, prefix)
    return Response(state.openapi, media_type="application/json")


def _document(endpoints: list[Endpoint], prefix: str) -> bytes:
    document = openapi_document(endpoints)
    if prefix:
        document["servers"] = [{"url": prefix}]
    return msgspec.json.encode(document)


@routes.get("/docs", access="public", produces="text/html")
async def docs(_call: Call) -> Response:
    """Get a page that shows the API and can send requests to it."""
    return HTMLResponse(_PAGE)
