"""The application: its routes and its middleware."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import swagger_ui
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from svc.mcp.route import mcp_route
from svc.routes import (
    bulk,
    chat_turns,
    chunks,
    collection_chunks,
    collection_files,
    collections,
    contents,
    conversation_lists,
    conversations,
    documentation,
    documents,
    downloads,
    exports,
    file_batches,
    keys,
    message_changes,
    message_search,
    messages,
    plans,
    preferences,
    quotas,
    readers,
    rechunking,
    search,
    service,
    texts,
    transfers,
    uploads,
    usage,
    users,
)
from svc.routes.openai import conversations as openai_conversations
from svc.routes.openai import embeddings as openai_embeddings
from svc.routes.openai import files as openai_files
from svc.routes.openai import items as openai_items
from svc.routes.openai import store_batches, store_files, store_search, stores
from svc.routes.openai import uploads as openai_uploads
from svc.services import Services
from svc.settings.browsers import origins_of
from svc.web.cors import cors
from svc.web.dispatch import starlette_routes
from svc.web.observe import ObservedApplication
from svc.web.routing import Endpoint

_MODULES = (
    users, preferences, exports, keys, plans, quotas, usage, uploads, documents, downloads, contents, texts, chunks,
    rechunking, bulk,
    transfers, collections, collection_files, collection_chunks, file_batches, readers, search,
    conversations, conversation_lists, messages, message_changes, message_search, chat_turns, service, documentation,
)  # fmt: skip


def all_endpoints() -> list[Endpoint]:
    """Return every route of the service, in the order of `/docs`."""
    return [endpoint for module in _MODULES for endpoint in module.routes.endpoints]


def openai_endpoints() -> list[Endpoint]:
    """Return the routes below `/v1`, which the OpenAI API's own specification describes."""
    modules = (
        openai_embeddings, openai_conversations, openai_items, openai_files, openai_uploads, stores, store_files,
        store_batches, store_search,
    )  # fmt: skip
    return [endpoint for module in modules for endpoint in module.routes.endpoints]


async def _pass_on(_request: Request, error: Exception) -> NoReturn:
    raise error


def create_app(services: Services) -> Starlette:
    """Create the ASGI application for running services, which the caller closes."""
    endpoints = all_endpoints()
    mcp, mcp_endpoint = mcp_route()
    assets = StaticFiles(directory=Path(swagger_ui.__file__).parent / "static")
    app = Starlette(
        routes=[
            *starlette_routes(endpoints),
            *starlette_routes(openai_endpoints()),
            Mount("/docs/assets", app=assets),
            mcp,
        ],
        middleware=[
            *cors(origins_of(services.settings.cors_origins)),
            Middleware(
                ObservedApplication,
                log_requests=services.settings.log_format == "json",
                most_late_s=services.settings.overload_late_s,
            ),
        ],
        # Starlette would answer these errors in plain text; ObservedApplication makes them problem documents.
        exception_handlers={HTTPException: _pass_on},
    )
    mcp_endpoint.service = app
    app.router.redirect_slashes = False
    app.state.services = services
    app.state.endpoints = endpoints
    return app
