"""Where a visitor starts: `/` with links, `/openapi.json`, and `/docs` to read and try the API, offline."""

from __future__ import annotations

from msgspec import Struct
from starlette.responses import HTMLResponse, Response

from svc import __version__
from svc.web.openapi import openapi_document
from svc.web.request import Call, JSONResponse
from svc.web.routing import Routes

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
    """Paths of this service that need no key."""

    docs: str = "/docs"
    openapi: str = "/openapi.json"
    live: str = "/health/live"
    ready: str = "/health/ready"
    metrics: str = "/metrics"


class Root(Struct, frozen=True):
    """Which service answers here, and where to go from here."""

    name: str
    version: str
    links: Links


@routes.get("/", access="public", answers={303: Root})
async def root(call: Call) -> Root:
    """Say which service this is, with links.

    A browser, whose header Accept names text/html, is redirected to `/docs`.
    """
    # A cache must not give a program the redirect that it keeps for browsers.
    call.answer_headers["Vary"] = "Accept"
    accepted = call.request.headers.get("accept", "")
    if "text/html" in accepted and "application/json" not in accepted:
        call.answer_status = 303
        call.answer_headers["Location"] = "docs"
    return Root("Cabinet", __version__, Links())


@routes.get("/openapi.json", access="public", produces="application/json")
async def openapi(call: Call) -> Response:
    """Describe the API as OpenAPI 3.1."""
    return JSONResponse(openapi_document(call.request.app.state.endpoints))


@routes.get("/docs", access="public", produces="text/html")
async def docs(_call: Call) -> Response:
    """Show the API's description as a page, with which to try it."""
    return HTMLResponse(_PAGE)
