"""The small HTTP server of `cabinet worker`: its metrics and its health."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from svc.background import Background
from svc.database.queries import Database
from svc.errors import CabinetError
from svc.jobs.measures import exposition
from svc.worker import Worker

logger = logging.getLogger(__name__)

_STOPPING_S = 2
_CONNECTIONS = 32
"""Prometheus and a health check need two connections."""


def status_application(database: Database, worker: Worker, background: Background) -> Starlette:
    """Returns the application with `/metrics`, `/health/live` and `/health/ready`."""

    async def metrics(_request: Request) -> Response:
        return Response(await exposition(database), media_type=CONTENT_TYPE_LATEST)

    async def live(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(_request: Request) -> Response:
        problem = await _problem(database, worker, background)
        return PlainTextResponse(f"{problem or 'ready'}\n", 503 if problem else 200)

    routes: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/metrics", metrics), ("/health/live", live), ("/health/ready", ready),
    ]  # fmt: skip
    return Starlette(routes=[Route(path, handler, methods=["GET"]) for path, handler in routes])


async def _problem(database: Database, worker: Worker, background: Background) -> str | None:
    """The reason why the worker cannot work; None if it can."""
    if not worker.is_running:
        return "the loops of the worker fail and are restarted; see the log for the reason"
    if failing := background.failing:
        return f"background loops fail and are restarted: {', '.join(loop.name for loop in failing)}"
    try:
        await database.value("ingest/next_due")
    except CabinetError as error:
        return error.detail
    return None


@asynccontextmanager
async def serving_status(application: Starlette, listener: socket.socket) -> AsyncIterator[None]:
    """Answer requests on `listener` during the block."""
    config = uvicorn.Config(
        application,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_STOPPING_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="worker-status")
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait([serving])
        if serving.exception() is not None:
            logger.error("the server of the metrics failed", exc_info=serving.exception())


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, since the command has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers as they are."""
        yield
