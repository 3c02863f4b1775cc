from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conftest import Service
from tests.routes.answers import ok, statements
from tests.routes.tenants import direct_connection, new_tenant


async def readiness(service: Service, status: int) -> dict[str, Any]:
    return dict(ok(await service.call("GET", "/health/ready", key=None), status))


async def test_alive_asks_nothing_of_the_database(idle: Service) -> None:
    for _ in range(2):
        answer = await idle.call("GET", "/health/live", key=None)
        assert ok(answer) == {"status": "alive"}
        assert statements(answer) == 0
        await idle.services.database.pool.close()


async def test_ready(shared: Service) -> None:
    ready = await readiness(shared, 200)
    assert ready.keys() == {"ready", "database", "migrations", "worker"}
    assert ready["ready"] is True
    assert all(ready[part]["ok"] for part in ("database", "migrations", "worker"))
    assert "running" in ready["worker"]["detail"]


async def test_ready_without_a_worker_of_ones_own(idle: Service) -> None:
    await (await new_tenant(idle)).upload("a.txt", "text")
    async with direct_connection(idle) as connection:
        await connection.execute("update ingestion_jobs set due_at = now() - interval '90 seconds'")
    detail = (await readiness(idle, 200))["worker"]["detail"]
    assert "none in this process" in detail
    assert "1 queued" in detail
    assert "overdue by 9" in detail


async def test_not_ready_without_the_database(idle: Service) -> None:
    await idle.services.database.pool.close()
    unready = await readiness(idle, 503)
    assert (unready["ready"], unready["database"]["ok"]) == (False, False)
    assert unready["database"]["detail"]
    for marker in ("asyncpg", "pool is", "select", "InterfaceError", idle.url):
        assert marker not in str(unready)


async def test_not_ready_while_a_migration_is_missing(idle: Service) -> None:
    async with direct_connection(idle) as connection:
        removed = await connection.fetchval(
            "delete from _yoyo_migration where migration_id like '0003%' returning migration_id"
        )
    assert removed
    unready = await readiness(idle, 503)
    assert (unready["ready"], unready["database"]["ok"], unready["migrations"]["ok"]) == (False, True, False)
    assert removed in unready["migrations"]["detail"]
    assert unready["worker"]["ok"] is True


async def test_not_ready_when_the_worker_died(service: Service) -> None:
    """One of its loops is enough: the others may hang on the same thing."""
    worker = service.services.worker
    assert worker is not None
    assert (await readiness(service, 200))["ready"] is True
    loop = next(task for task in asyncio.all_tasks() if task in worker._tasks)
    loop.cancel()
    await asyncio.wait([loop])
    unready = await readiness(service, 503)
    assert (unready["ready"], unready["worker"]["ok"], unready["database"]["ok"]) == (False, False, True)
    assert "stopped" in unready["worker"]["detail"]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"])
async def test_monitoring_may_ask_with_head(shared: Service, path: str) -> None:
    assert (await shared.call("HEAD", path, key=None)).status_code == 200
