from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from svc import __version__, background
from svc.access import meter
from tests.conftest import Service, running_service, test_settings
from tests.database.conftest import until
from tests.routes.answers import ok, statements
from tests.routes.tenants import direct_connection, new_tenant


async def readiness(service: Service, status: int) -> dict[str, Any]:
    return dict(ok(await service.call("GET", "/health/ready", key=None), status))


async def test_liveness_does_not_use_the_database(idle: Service) -> None:
    for _ in range(2):
        answer = await idle.call("GET", "/health/live", key=None)
        assert ok(answer) == {"status": "alive"}
        assert statements(answer) == 0
        await idle.services.database.pool.close()


async def test_the_root_links_to_the_public_routes(shared: Service) -> None:
    answer = await shared.call("GET", "/", key=None)
    root = ok(answer)
    assert (root["name"], root["version"]) == ("Cabinet", __version__)
    assert statements(answer) == 0
    assert {"/docs", "/openapi.json", "/health/ready"} <= set(root["links"].values())
    for link in root["links"].values():
        assert (await shared.call("GET", link, key=None)).status_code == 200, link


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 303),
        ("*/*", 200),
        ("", 200),
        ("application/json", 200),
        ("application/json, text/html;q=0.5", 200),
    ],
)
async def test_the_root_redirects_a_browser_to_the_docs(shared: Service, accept: str, status: int) -> None:
    answer = await shared.client.get("/", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["vary"]) == (status, "Accept")
    if status == 303:
        page = await shared.client.get(str(answer.url.join(answer.headers["location"])))
        assert page.headers["content-type"].startswith("text/html")
        assert "Cabinet API" in page.text


async def test_ready(shared: Service) -> None:
    ready = await readiness(shared, 200)
    assert ready.keys() == {"ready", "database", "migrations", "worker", "background"}
    assert ready["ready"] is True
    assert all(ready[part]["ok"] for part in ("database", "migrations", "worker", "background"))
    assert "running" in ready["worker"]["detail"]


async def test_ready_without_a_worker_in_the_process(idle: Service) -> None:
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
        removed = await connection.fetchval("delete from schema_migrations where id like '0003%' returning id")
    assert removed
    unready = await readiness(idle, 503)
    assert (unready["ready"], unready["database"]["ok"], unready["migrations"]["ok"]) == (False, True, False)
    assert removed in unready["migrations"]["detail"]
    assert unready["worker"]["ok"] is True


LOOPS = {
    "loop-lag",
    "ingestion-0",
    "ingestion-1",
    "messages",
    "notices",
    "sweep",
    "stalled",
    "indexes",
    "terms",
    "usage",
}


async def test_every_loop_of_the_service_is_restarted_when_it_dies(database_url: str) -> None:
    """The loop is killed from outside, as by a bug in a library, so that its code cannot catch the error."""
    async with running_service(test_settings(key_cache_s=0, index_check_s=3600), database_url) as service:
        running = [task for task in asyncio.all_tasks() if task.get_name() in LOOPS]
        assert {task.get_name() for task in running} == LOOPS
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        await until(lambda: asyncio.sleep(0, {task.get_name() for task in asyncio.all_tasks()} >= LOOPS))
        ready = await readiness(service, 200)
        assert ready["background"] == {"ok": True, "detail": f"{len(LOOPS)} loops run"}


# The function with the planted bug, and the checks that then fail.
FAILING_LOOPS = {
    "ingestion-0": ("svc.ingest.queue.Queue.claim", {"worker", "background"}),
    "messages": ("svc.messages.queue.MessageQueue.claim", {"worker", "background"}),
    "notices": ("svc.database.notices.Notices._until_closed", {"background"}),
    "sweep": ("svc.jobs.sweep.sweep_keys", {"background"}),
    "indexes": ("svc.search.own_indexes.planned_steps", {"background"}),
    "usage": ("svc.access.meter.UsageMeter.flush", {"background"}),
}


@pytest.mark.parametrize("loop", FAILING_LOOPS)
async def test_not_ready_while_a_loop_keeps_failing(
    database_url: str, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    place, unwell = FAILING_LOOPS[loop]

    async def broken(*_arguments: object) -> None:
        raise OverflowError("int too large to convert to float")

    # The last patch also lets the loops of a shared service recover immediately.
    monkeypatch.setattr(background, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(background, "_MOST_PAUSE_S", 0.02)
    monkeypatch.setattr(meter, "_EVERY_S", 0.01)
    settings = test_settings(key_cache_s=0, index_check_s=0.01)
    with monkeypatch.context() as patch:
        patch.setattr(place, broken)
        async with running_service(settings, database_url) as service:
            await until(lambda: is_failing(service, loop))
            unready = await readiness(service, 503)
            assert unready["ready"] is False
            assert {part for part in unready if part != "ready" and not unready[part]["ok"]} == unwell
            assert re.search(rf"{loop} \(\d+ times in a row\)", unready["background"]["detail"])
            assert "failing" in unready["worker"]["detail"] or "worker" not in unwell
            patch.undo()
            await until(lambda: asyncio.sleep(0, not service.services.background.failing))
            await readiness(service, 200)


async def is_failing(service: Service, loop: str) -> bool:
    return loop in [one.name for one in service.services.background.failing]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"])
async def test_monitoring_can_use_head(shared: Service, path: str) -> None:
    assert (await shared.call("HEAD", path, key=None)).status_code == 200
