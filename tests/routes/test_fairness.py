"""A tenant leaves room for the others, and requests that cannot be served soon are refused quickly."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio

from tests.conftest import Service, running_service, test_settings
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant


@pytest_asyncio.fixture
async def small(database_url: str) -> AsyncIterator[Service]:
    """A service with five connections and no worker."""
    settings = test_settings(pool_size=5, request_wait_s=1.0, statement_timeout_s=60, worker_concurrency=0)
    async with running_service(settings, database_url) as service:
        yield service


@asynccontextmanager
async def uploads_waiting(
    tenant: Tenant, count: int, at_least: int = 2
) -> AsyncIterator[list[asyncio.Task[httpx.Response]]]:
    """Run this many uploads of a tenant, each of which waits for a row that is locked until the end of the block.

    When the block begins, `at_least` sessions are waiting.
    """
    async with direct_connection(tenant.service) as connection, connection.transaction():
        await connection.execute("select from tenant_totals where user_id = $1 for update", UUID(tenant.id))
        tasks = [
            asyncio.create_task(tenant.post("/documents", json={"filename": f"{number}.txt", "content": "text"}))
            for number in range(count)
        ]
        await waiting_for_locks(connection, min(count, at_least))
        yield tasks


async def waiting_for_locks(connection: Any, count: int) -> None:
    """Wait until this many sessions of this database wait for a lock."""
    while await sessions_that_wait(connection) < count:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def sessions_that_wait(connection: Any) -> int:
    """The number of sessions of this database that wait for a lock."""
    # A transaction keeps its first snapshot of the sessions until it clears the snapshot.
    await connection.execute("select pg_stat_clear_snapshot()")
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    return int(await connection.fetchval(waiting))


async def test_a_locked_row_of_one_tenant_stops_no_other(small: Service) -> None:
    """Fifteen uploads wait for it, which exceeds the number of connections."""
    blocked, other = await new_tenant(small), await new_tenant(small)
    async with uploads_waiting(blocked, 15) as uploads:
        for _ in range(20):
            assert ok(await other.get("/me"))["id"] == other.id
            ok(await other.get("/documents"))
        assert ok(await other.post("/conversations", json={}), 201)
        await asyncio.sleep(1.5)
    answers = Counter(upload.status_code for upload in await asyncio.gather(*uploads))
    # 503 where the machine is so busy that no connection was opened within the wait.
    assert (answers[202], answers[429] + answers[503]) == (2, 13), "two use connections; the others are refused quickly"


async def test_locked_rows_of_several_tenants_stop_no_other(database_url: str) -> None:
    """Eight tenants wait for locked rows, more than ten connections can serve; other tenants can still read."""
    settings = test_settings(pool_size=10, request_wait_s=1.0, statement_timeout_s=60, worker_concurrency=0)
    async with running_service(settings, database_url) as service:
        other, another, *blocked = [await new_tenant(service) for _ in range(10)]
        async with AsyncExitStack() as locks:
            uploads = [await locks.enter_async_context(uploads_waiting(tenant, 5, 0)) for tenant in blocked]
            for _ in range(20):
                for reader in (other, another):
                    assert ok(await reader.get("/me"))["id"] == reader.id
                    ok(await reader.get("/documents"))
                    ok(await reader.get("/conversations?recent=5"))
        answers = Counter([upload.status_code for tasks in uploads for upload in await asyncio.gather(*tasks)])
    assert answers[202] >= 4, "each of the first tenants uses its share"
    assert set(answers) <= {202, 429, 503}


async def test_the_error_for_a_used_share_names_the_other_requests(small: Service) -> None:
    blocked = await new_tenant(small)
    async with uploads_waiting(blocked, 2) as uploads:
        ok(await blocked.get("/documents"))
        refused = await blocked.post("/conversations", json={})
    problem(refused, 429)
    assert "your other requests" in refused.json()["detail"]
    assert refused.headers["retry-after"] == "1"
    for upload in await asyncio.gather(*uploads):
        ok(upload, 202)
    ok(await blocked.get("/documents"))


async def test_a_request_is_refused_soon_when_all_connections_are_held(small: Service) -> None:
    """Requests of several tenants wait for locks; none of the tenants uses more than its share."""
    tenants = [await new_tenant(small) for _ in range(5)]
    for tenant in tenants:
        ok(await tenant.get("/me"))
    waiting = []
    async with direct_connection(small) as connection:
        lock = connection.transaction()
        await lock.start()
        await connection.execute("lock table conversations")
        for tenant in tenants:
            waiting += [asyncio.create_task(tenant.get("/conversations")) for _ in range(2)]
        while await sessions_that_wait(connection) < 5:
            # A connection may have been in use for something else when the last requests gave up.
            waiting += [asyncio.create_task(tenant.get("/conversations")) for tenant in tenants]
            await asyncio.sleep(0.2)
        late = await small.call("GET", "/users")
        await lock.rollback()
    problem(late, 503)
    assert "connections are busy" in late.json()["detail"]
    assert late.headers["retry-after"] == "1"
    answers = Counter(answer.status_code for answer in await asyncio.gather(*waiting))
    assert answers[200] >= 5
    assert set(answers) <= {200, 429, 503}


async def test_many_requests_of_one_tenant_are_all_answered(database_url: str) -> None:
    """A share limits concurrent requests, not the total of a patient client."""
    settings = test_settings(pool_size=5, request_wait_s=60, worker_concurrency=0)
    async with running_service(settings, database_url) as service:
        tenant = await new_tenant(service)
        for answer in await asyncio.gather(*(tenant.get("/documents") for _ in range(100))):
            ok(answer)
