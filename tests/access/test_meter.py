"""The meter counts every request once, whatever happens to the network, in bounded memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from svc import metrics
from svc.access import meter as module
from svc.access.meter import UsageMeter, running_meter
from svc.background import Background
from svc.database.queries import Database, open_database
from svc.embedded.server import url_as
from svc.errors import DatabaseUnavailableError
from tests.conftest import PATIENCE_S, test_settings
from tests.database.conftest import make_user
from tests.proxy import Proxy


@pytest_asyncio.fixture
async def distant(proxy: Proxy) -> AsyncIterator[Database]:
    settings = test_settings(pool_size=3)
    opened = await open_database(settings, url_as(proxy.url, settings.service_role))
    opened.statement_s = opened.pool.statement_s = 0.5
    opened.pool._acquire_timeout_s = 0.5
    try:
        yield opened
    finally:
        await opened.close()


async def counted(database: Database, user_id: UUID) -> Any:
    rows = await database.many_by_name("export/usage_days", {
        "user_id": user_id, "after_day": None, "after_slot": None, "max_rows": 100,
    })  # fmt: skip
    return tuple(sum(row[name] for row in rows) for name in ("requests", "searches", "tokens"))


async def flushed(meter: UsageMeter) -> int:
    """Flush until it succeeds; returns the number of attempts."""
    for attempt in itertools.count(1):
        try:
            await meter.flush()
        except DatabaseUnavailableError:
            await asyncio.sleep(0.01)
        else:
            return attempt
    raise AssertionError


@pytest.mark.parametrize(
    ("statement", "then"), [("commit;", "reset"), ("commit;", "silence"), ("usage/flush", "reset")]
)
async def test_a_flush_whose_reply_is_lost_counts_once(
    database: Database, distant: Database, proxy: Proxy, statement: str, then: Any
) -> None:
    user_id = await make_user(database)
    meter = UsageMeter(distant)
    attempts = 0
    for _ in range(5):
        meter.add(user_id, requests=1, searches=2, tokens=3)
        proxy.drop_replies(statement, 1, then)
        attempts += await flushed(meter)

    assert proxy.dropped == 5, "otherwise this test proves nothing"
    assert attempts > 5
    assert await counted(database, user_id) == (5, 10, 15)


async def test_counts_that_come_while_a_flush_is_lost_are_not_part_of_it(
    database: Database, distant: Database, proxy: Proxy
) -> None:
    user_id = await make_user(database)
    meter = UsageMeter(distant)
    meter.add(user_id, requests=1)
    proxy.drop_replies("commit;")
    with pytest.raises(DatabaseUnavailableError):
        await meter.flush()
    meter.add(user_id, requests=10)

    await flushed(meter)

    assert await counted(database, user_id) == (11, 0, 0)


async def test_a_flush_ends_while_requests_keep_arriving(database: Database) -> None:
    user_id = await make_user(database)
    meter = UsageMeter(database)
    is_over = False

    async def arrive() -> None:
        while not is_over:
            meter.add(user_id, requests=1)
            await asyncio.sleep(0)

    requests = asyncio.create_task(arrive())
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await meter.flush()
    finally:
        is_over = True
        await requests

    assert await counted(database, user_id) == (1, 0, 0), "the others belong to the next flush"
    await meter.flush()
    assert (await counted(database, user_id))[0] > 1


async def test_a_flush_that_is_cancelled_anywhere_counts_once(database: Database) -> None:
    user_id = await make_user(database)
    meter = UsageMeter(database)
    for number in range(40):
        meter.add(user_id, requests=1)
        task = asyncio.create_task(meter.flush())
        await asyncio.sleep(number * 0.0002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await flushed(meter)
    assert await counted(database, user_id) == (40, 0, 0)


async def test_a_running_meter_counts_to_the_request_through_a_broken_network(
    database: Database, distant: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_EVERY_S", 0.01)
    user_id = await make_user(database)
    background = Background()
    async with running_meter(distant, background) as meter:
        for number in range(60):
            meter.add(user_id, requests=1)
            if number % 20 == 5:
                proxy.black_hole()
            elif number % 20 == 12:
                proxy.heal()
                proxy.drop_replies("commit;", 2)
            elif number % 20 == 18:
                proxy.reset()
            await asyncio.sleep(0.05)
        proxy.heal()
        async with asyncio.timeout(PATIENCE_S):
            while await counted(database, user_id) != (60, 0, 0):
                assert (await counted(database, user_id))[0] <= 60
                await asyncio.sleep(0.05)
        assert not background.failing


async def test_stopping_does_not_wait_for_a_database_that_is_away(
    distant: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LAST_FLUSH_S", 0.1)
    distant.statement_s = distant.pool.statement_s = 2 * PATIENCE_S
    async with asyncio.timeout(PATIENCE_S):
        async with running_meter(distant, Background()) as meter:
            meter.add(uuid4(), requests=1)
            proxy.black_hole()
            await asyncio.sleep(0.05)


async def test_the_memory_of_a_meter_without_a_database_is_bounded(
    distant: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_USERS", 10)
    before = metrics.usage_lost_total._value.get()
    meter = UsageMeter(distant)
    for user_id in [uuid4() for _ in range(25)] * 2:
        meter.add(user_id, requests=1)

    assert len(meter._counts) == 10
    assert metrics.usage_lost_total._value.get() - before == 30


async def test_the_numbers_of_ended_processes_are_forgotten(database: Database, database_url: str) -> None:
    user_id = await make_user(database)
    for _ in range(3):
        await database.exec("usage/note_flush", source=uuid4(), sequence=7)
    async with database.pool.connection() as connection:
        await connection.execute("update usage_flushes set flushed_at = now() - interval '25 hours'")
    meter = UsageMeter(database)
    meter.add(user_id, requests=1)

    await meter.flush()

    async with database.pool.connection() as connection:
        assert await connection.fetchval("select array_agg(sequence) from usage_flushes") == [1]


async def test_a_flush_is_noted_once(database: Database) -> None:
    source = uuid4()
    changed = [
        await database.exec("usage/note_flush", source=source, sequence=sequence) for sequence in (1, 1, 2, 1, 2, 3)
    ]
    assert changed == [1, 0, 1, 0, 0, 1]
