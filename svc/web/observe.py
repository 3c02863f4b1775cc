"""The middleware around every request: request id, timing, statement counts, log line and problem documents.

It is pure ASGI, since Starlette's BaseHTTPMiddleware would hide the disconnect of a client.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from functools import cache

from prometheus_client import Counter, Histogram
from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from svc import metrics
from svc.database.failures import ConstraintError
from svc.database.statistics import StatementStatistics, collect_statistics
from svc.errors import (
    CabinetError,
    ConflictError,
    MalformedRequestError,
    UnauthenticatedError,
    UnavailableError,
)
from svc.log_context import LogContext, begin_log_context
from svc.printable import shortened
from svc.web.openai_errors import absent_path_error, has_openai_errors, openai_error_response, processing_headers
from svc.web.overload import Overload
from svc.web.problems import problem_response
from svc.web.request import ANSWER_HEADERS

logger = logging.getLogger(__name__)

MAX_STATEMENTS = 10
# Never sent, since the client is gone; the metrics use the status that nginx introduced for this.
_CLIENT_CLOSED_REQUEST = 499
_LOGGED_CHARACTERS = 300
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Ids must differ, but need not be secret, and the system's random numbers take 10 µs.
_ids = random.Random()  # noqa: S311
_CLIENT_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")


class MethodNotAllowedError(CabinetError):
    """The path exists, but does not support the method."""

    status = 405
    title = "Method not allowed"


class ObservedApplication:
    """The middleware: see the module."""

    def __init__(self, app: ASGIApp, *, log_requests: bool = False, most_late_s: float = 0) -> None:
        self.app = app
        self._overload = Overload(most_late_s)
        self._level = logging.INFO if log_requests else logging.DEBUG

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request. Scopes other than HTTP pass through unchanged."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with collect_statistics() as statistics:
            await _Observation(scope, statistics, send, self._level).run(self.app, receive, self._overload)


class _Observation:
    def __init__(self, scope: Scope, statistics: StatementStatistics, send: Send, level: int) -> None:
        self._level = level
        self.scope = scope
        self.statistics = statistics
        self._send = send
        self.started = time.perf_counter()
        self.status = 0
        # A streamed answer may run any number of statements, so only those before its start count against the limit.
        self.statements_before = 0
        self.request_id = _request_id(scope)
        begin_log_context(LogContext(self.request_id, scope["method"], scope["path"]))
        self.extra_headers: list[tuple[bytes, bytes]] = []
        self._is_dialect = has_openai_errors(get_route_path(scope))
        self._error_response = openai_error_response if self._is_dialect else problem_response

    async def run(self, app: ASGIApp, receive: Receive, overload: Overload) -> None:
        try:
            with overload.request(get_route_path(self.scope)):
                await app(self.scope, receive, self.send)
        except ClientDisconnect:
            self.status = self.status or _CLIENT_CLOSED_REQUEST
            logger.info("the client of %s disconnected", self._shown())
        except asyncio.CancelledError:
            # Only a stopping server cancels a request, after the grace period for requests.
            if self.status:
                raise
            stopping = UnavailableError("the server is shutting down; send the request again", retry_after_s=5)
            await self._error_response(stopping, self.request_id)(self.scope, receive, self.send)
        except Exception as error:
            if self.status:
                raise
            response = self._error_response(self._readable(error), self.request_id)
            await response(self.scope, receive, self.send)
        finally:
            self._report()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            milliseconds = self.statistics.seconds * 1000
            count = self.statements_before = self.statistics.count
            timing = f'db;dur={milliseconds:.2f};desc="{count} statement{"" if count == 1 else "s"}"'
            message["headers"] = [
                *message.get("headers", []),
                (b"x-request-id", self.request_id.encode()),
                (b"server-timing", timing.encode()),
                *(processing_headers(time.perf_counter() - self.started) if self._is_dialect else ()),
                *self.extra_headers,
                *self.scope.get(ANSWER_HEADERS, ()),
            ]
        await self._send(message)

    def _readable(self, error: Exception) -> CabinetError:
        if isinstance(error, ConstraintError) and error.constraint.endswith("_user_id_fkey"):
            # The key is still cached, but its user was deleted.
            return UnauthenticatedError("the user of this key no longer exists")
        if isinstance(error, ConstraintError):
            # A route that knows the constraint reports it itself; clients must not depend on constraint names.
            logger.warning("request %s: %s, id %s", self._shown(), error, self.request_id)
            return ConflictError(
                "the change conflicts with stored data, possibly because of a concurrent request; try again"
            )
        if isinstance(error, CabinetError):
            return error
        if isinstance(error, HTTPException):
            return self._of_starlette(error)
        logger.exception("request %s failed, id %s", self._shown(), self.request_id)
        return CabinetError("internal error; the service's log has the details under the request_id")

    def _shown(self) -> str:
        """The method and the path for the log. A path can contain any character, encoded as `%0a`."""
        return shortened(f"{self.scope['method']} {self.scope['path']}", _LOGGED_CHARACTERS)

    def _of_starlette(self, error: HTTPException) -> CabinetError:
        if error.status_code == 405:
            methods = (error.headers or {}).get("Allow", "GET, HEAD")  # StaticFiles sends no Allow header
            allowed = ", ".join(sorted(methods.split(", ")))
            self.extra_headers.append((b"allow", allowed.encode()))
            return MethodNotAllowedError(f"this path supports {allowed}")
        if error.status_code == 404:
            return absent_path_error(get_route_path(self.scope))
        logger.info(
            "the framework refused request %s: %s", self.request_id, shortened(error.detail, _LOGGED_CHARACTERS)
        )
        return MalformedRequestError("the request cannot be read: its headers or its body are malformed")

    def _report(self) -> None:
        seconds = time.perf_counter() - self.started
        route = _route_template(self.scope)
        # A client may send any method; the metric must not get a series for each.
        method = self.scope["method"] if self.scope["method"] in _METHODS else "(other)"
        answered, timer = _request_metrics(method, route, self.status)
        answered.inc()
        timer.observe(seconds)
        if self.statements_before > MAX_STATEMENTS:
            logger.warning(
                "%s %s ran %d statements, more than %d: %s",
                method,
                route,
                self.statements_before,
                MAX_STATEMENTS,
                ", ".join(self.statistics.names[: 2 * MAX_STATEMENTS]),
            )
        if not logger.isEnabledFor(self._level):
            return
        logger.log(
            self._level,
            "%s %s %d %.1f ms, database %.1f ms in %d statements, id %s",
            method,
            route,
            self.status,
            seconds * 1000,
            self.statistics.seconds * 1000,
            self.statistics.count,
            self.request_id,
            extra={"status": self.status, "duration_ms": round(seconds * 1000, 2)},
        )


@cache
def _request_metrics(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Return the metrics of one kind of request. Cached, since the lookup by label costs more than the update."""
    return metrics.requests_total.labels(method, route, str(status)), metrics.request_seconds.labels(method, route)


def _request_id(scope: Scope) -> str:
    """Return the client's `X-Request-Id` if it is well-formed, for tracing, otherwise a random id."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and (given := _CLIENT_REQUEST_ID.match(value.decode("latin-1"))):
            return given[0]
    return f"{_ids.getrandbits(64):016x}"


def _route_template(scope: Scope) -> str:
    """Return the path template, such as `/users/{user_id}`: a metric must not get a series for each user."""
    route = scope.get("route")
    return str(route.path) if isinstance(route, Route) else "(none)"
