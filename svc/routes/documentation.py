"""The API's own description: `/openapi.json`, and `/docs` to read and try it, offline."""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

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


@routes.get("/openapi.json", access="public", produces="application/json")
async def openapi(call: Call) -> Response:
    """Describe the API as OpenAPI 3.1."""
    return JSONResponse(openapi_document(call.request.app.state.endpoints))


@routes.get("/docs", access="public", produces="text/html")
async def docs(_call: Call) -> Response:
    """Show the API's description as a page, with which to try it."""
    return HTMLResponse(_PAGE)
