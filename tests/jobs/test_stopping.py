"""Loops stop even with current work, while the database is unavailable, and if a cancellation is swallowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from svc import background
from svc.background import Background
from svc.errors import DatabaseUnavailableError
from svc.jobs.lease import return_job
from tests.conftest import PATIENCE_S, Service, running_service, test_settings
from tests.database.conftest import until
from tests.proxy import Proxy, running_proxy


async def test_a_turn_that_swallows_its_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_STOP_S", 0.05)
    swallowed = 0
    began = asyncio.Event()

    async def turn() -> float:
        nonlocal swallowed
        began.set()
        try:
            await asyncio.sleep(2 * PATIENCE_S)
        except asyncio.CancelledError:
            swallowed += 1
            await asyncio.sleep(2 * PATIENCE_S)
        return 0.0

    loop = Background().keep(turn, name="swallowing")
    await began.wait()
    async with asyncio.timeout(PATIENCE_S):
        await loop.stop()
    assert swallowed == 1


async def test_a_turn_that_never_ends_does_not_hold_up_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_STOP_S", 0.05)
    began, ends = asyncio.Event(), asyncio.Event()

    async def turn() -> float:
        began.set()
        while not ends.is_set():
            try:
                await ends.wait()
            except asyncio.CancelledError:
                continue
        return 0.0

    loop = Background().keep(turn, name="endless")
    await began.wait()
    async with asyncio.timeout(PATIENCE_S):
        await loop.stop()
    ends.set()
    await asyncio.wait([loop._task])


async def test_returning_a_job_neither_waits_for_ever_nor_hides_why_it_is_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("svc.jobs.lease._RETURN_S", 0.05)

    async def fails() -> int:
        raise DatabaseUnavailableError("away")

    async def hangs() -> int:
        await asyncio.sleep(2 * PATIENCE_S)
        return 1

    await return_job(fails)
    await return_job(hangs)


async def test_a_job_that_is_still_locked_is_returned_shortly_after() -> None:
    locked = iter([0, 0, 1])

    async def release() -> int:
        return next(locked)

    await return_job(release)
    assert list(locked) == []


@pytest_asyncio.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with running_proxy(database_url) as proxy:
        yield proxy


SLOW = "The comet returns in May. " * 200_000


async def in_hand(service: Service, key: str) -> str:
    """Upload a document that takes long to read; returns its id when a worker has claimed it."""
    answer = await service.call("POST", "/documents", key, json={"filename": "long.txt", "content": SLOW})
    assert answer.status_code == 202, answer.text
    await until(lambda: leased_documents(service))
    return str(answer.json()["id"])


async def leased_documents(service: Service) -> int:
    async with service.services.database.pool.connection() as connection:
        return int(await connection.fetchval("select count(*) from ingestion_jobs where worker is not null"))


async def test_a_worker_with_a_document_in_hand_stops_and_returns_it(database_url: str) -> None:
    settings = test_settings(max_body_bytes=2**24, worker_lease_s=600)
    async with running_service(settings, database_url) as service:
        _, key = await service.user("ada@example.com")
        await in_hand(service, key)
        worker = service.services.worker
        assert worker is not None
        async with asyncio.timeout(PATIENCE_S):
            await worker.stop()
        assert await leased_documents(service) == 0


async def test_a_worker_stops_in_a_black_hole_and_claims_nothing_afterwards(proxy: Proxy) -> None:
    settings = test_settings(max_body_bytes=2**24, worker_lease_s=600, statement_timeout_s=3600)
    async with running_service(settings, proxy.url) as service:
        _, key = await service.user("ada@example.com")
        await in_hand(service, key)
        worker = service.services.worker
        assert worker is not None
        proxy.black_hole()
        async with asyncio.timeout(PATIENCE_S):
            await worker.stop()
        proxy.heal()
        answer = await service.call("POST", "/documents", key, json={"filename": "b.txt", "content": "Another."})
        assert answer.status_code == 202
        await asyncio.sleep(1.5)
        assert await leased_documents(service) <= 1, "only the lease that could not be returned"
        assert not worker.is_running
