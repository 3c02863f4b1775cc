"""The routes for operators: liveness, readiness and metrics."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from svc.errors import CabinetError
from svc.jobs.measures import exposition
from svc.services import Services
from svc.web.request import Call, JSONResponse
from svc.web.routing import Routes

routes = Routes("service")


class Alive(Struct, frozen=True):
    """The answer of a running process."""

    status: Literal["alive"] = "alive"


class ReadinessCheck(Struct, frozen=True):
    """The result of one check. `detail` contains the reason."""

    ok: bool
    detail: str


class Readiness(Struct, frozen=True):
    """Whether the service can work, with the result of each check."""

    ready: bool
    database: ReadinessCheck
    migrations: ReadinessCheck
    worker: ReadinessCheck
    background: ReadinessCheck


@routes.get("/health/live", access="public")
async def live(_call: Call) -> Alive:
    """Check that the process answers."""
    return Alive()


@routes.get("/health/ready", access="public", answers={503: Readiness})
async def ready(call: Call) -> Response:
    """Check the database, the migrations, the worker and the background loops: 200 if all are ready, otherwise 503."""
    services = call.services
    background = _background(services)
    try:
        row = await services.database.one("server/health")
        applied = {r.id for r in await services.database.many("server/applied_migrations")}
    except CabinetError as error:
        unknown = ReadinessCheck(False, "unknown while the database does not answer")
        return JSONResponse(Readiness(False, ReadinessCheck(False, error.detail), unknown, unknown, background), 503)
    assert row is not None
    missing = [migration for migration in services.migrations if migration not in applied]
    overdue_s = max(0.0, row.overdue_s)
    checks = (
        ReadinessCheck(True, "answers"),
        ReadinessCheck(
            not missing, f"missing: {', '.join(missing)}" if missing else f"{len(applied)} applied, none missing"
        ),
        ReadinessCheck(
            services.worker_ok,
            f"{services.worker_state}; {row.queued} queued, the oldest overdue by {overdue_s:.0f} s",
        ),
        background,
    )
    is_ready = all(check.ok for check in checks)
    return JSONResponse(Readiness(is_ready, *checks), 200 if is_ready else 503)


def _background(services: Services) -> ReadinessCheck:
    failing = services.background.failing
    if failing:
        names = ", ".join(f"{loop.name} ({loop.deaths} times in a row)" for loop in failing)
        return ReadinessCheck(False, f"background loops fail and are restarted: {names}; see the log for the reason")
    return ReadinessCheck(True, f"{services.background.loop_count} loops run")


@routes.get("/metrics", access="public", produces="text/plain")
async def prometheus(call: Call) -> Response:
    """Get the metrics for Prometheus: requests, pool, each statement by name, queues, ingestion."""
    return Response(await exposition(call.services.database), media_type=CONTENT_TYPE_LATEST)
