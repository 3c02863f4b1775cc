"""The metrics of the queues, of the event loop, of the pool and of the endpoint."""

from __future__ import annotations

import asyncio
import re
import time
from uuid import UUID

from prometheus_client import generate_latest

from svc import metrics
from svc.jobs.measures import exposition
from svc.loop_lag import lag_turn
from tests.conftest import PATIENCE_S, Service
from tests.routes.tenants import new_tenant
from tests.routes.test_observability import metric
from tests.tenants.test_moving import connected


async def test_the_queues_are_shown_by_plan(idle: Service) -> None:
    """Users of two plans wait; one document is overdue by an hour, and the worker of another one died."""
    free, pro = await new_tenant(idle), await new_tenant(idle)
    for number in range(3):
        await free.upload(f"{number}.txt", "text")
    await pro.upload("a.txt", "text")
    async with connected(idle.url) as observer:
        for tenant, plan in ((free, "free"), (pro, "pro")):
            await observer.execute("update users set plan = $2 where id = $1", UUID(tenant.id), plan)
        await observer.execute(
            "update ingestion_jobs set due_at = now() - interval '1 hour' where user_id = $1", UUID(pro.id)
        )
        await observer.execute(
            "update ingestion_jobs set worker = 'dead', due_at = now() - interval '1 second' where document_id = "
            "(select document_id from ingestion_jobs where user_id = $1 limit 1)",
            UUID(free.id),
        )
    assert await metric(idle, "cabinet_queue_jobs", queue="documents", plan="free") == 3
    assert await metric(idle, "cabinet_queue_jobs", queue="documents", plan="pro") == 1
    assert 3600 <= await metric(idle, "cabinet_queue_overdue_seconds", queue="documents", plan="pro") < 3700
    assert 1 <= await metric(idle, "cabinet_queue_overdue_seconds", queue="documents", plan="free") < 600
    assert await metric(idle, "cabinet_expired_leases", queue="documents") == 1
    assert await metric(idle, "cabinet_expired_leases", queue="messages") == 0
    assert await metric(idle, "cabinet_ingestion_queue", state="queued") == 4
    async with connected(idle.url) as observer:
        await observer.execute("delete from ingestion_jobs where user_id = $1", UUID(pro.id))
    text = (await idle.call("GET", "/metrics", key=None)).text
    assert 'plan="free",queue="documents"' in text
    assert 'plan="pro"' not in text


async def test_queues_that_are_not_known_are_not_shown(idle: Service) -> None:
    tenant = await new_tenant(idle)
    await tenant.upload("a.txt", "text")
    assert "cabinet_queue_jobs{" in (await exposition(idle.services.database)).decode()
    await idle.services.database.pool.close()
    assert "cabinet_queue_jobs{" not in (await exposition(idle.services.database)).decode()


async def test_a_loop_that_is_held_shows_in_its_lag() -> None:
    def slow() -> float:
        text = exposition_of("cabinet_loop_lag_seconds")
        below = re.search(r'cabinet_loop_lag_seconds_bucket\{le="0.1"\} (\S+)', text)
        count = re.search(r"cabinet_loop_lag_seconds_count (\S+)", text)
        assert below is not None
        assert count is not None
        return float(count[1]) - float(below[1])

    before = slow()
    turn = asyncio.create_task(lag_turn())
    await asyncio.sleep(0.01)
    time.sleep(0.4)  # noqa: ASYNC251 - holding the loop is the subject of the test
    await turn
    assert slow() > before


def exposition_of(name: str) -> str:
    """The series of one metric in this process."""
    text = generate_latest(metrics.REGISTRY).decode()
    return "\n".join(line for line in text.splitlines() if line.startswith(name))


async def test_a_server_measures_its_loop(shared: Service) -> None:
    before = await metric(shared, "cabinet_loop_lag_seconds_count")
    async with asyncio.timeout(PATIENCE_S):
        while await metric(shared, "cabinet_loop_lag_seconds_count") == before:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
