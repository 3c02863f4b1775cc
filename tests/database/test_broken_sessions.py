"""The sessions outside the pool (notices, plans, indexes, the embedded server's keeper) in a broken network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import asyncpg
import pytest
import pytest_asyncio

from svc import background
from svc.background import Background
from svc.database import connecting, notices
from svc.database.notices import Notices
from svc.database.statements import load_statements
from svc.embedded.server import EmbeddedServer
from svc.embedded.supervision import supervised
from svc.errors import InvalidRequestError
from svc.plans.explain import Explainer
from svc.resources import resource_folder
from svc.search import own_indexes
from svc.search.index_plan import IndexStep
from svc.search.own_indexes import IndexBuilder
from tests.conftest import PATIENCE_S, test_settings
from tests.database.conftest import until
from tests.proxy import Proxy, running_proxy


@pytest_asyncio.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with running_proxy(database_url) as proxy:
        yield proxy


async def test_a_listening_connection_that_died_silently_is_replaced(
    proxy: Proxy, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_CHECK_EVERY_S", "_ANSWER_S", "_RECONNECT_S"):
        monkeypatch.setattr(notices, name, 0.1)
    listening = Notices(proxy.url, "a_channel")
    loops = Background()
    listening.start(loops)
    sender = await asyncpg.connect(database_url)

    async def is_heard() -> bool:
        waiting = asyncio.create_task(listening.wait(0.2))
        await asyncio.sleep(0.01)
        arrived = listening._arrived
        await sender.execute("notify a_channel")
        await waiting
        return arrived.is_set()

    try:
        await until(is_heard)
        proxy.lose()
        await until(is_heard)
        assert not loops.failing
    finally:
        async with asyncio.timeout(PATIENCE_S):
            await listening.stop()
        await sender.close()


async def test_reading_a_plan_ends_in_a_black_hole(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_CLOSE_S", 0.1)
    statements = load_statements(resource_folder("sql"))
    explainer = await Explainer.open(test_settings(statement_timeout_s=0.1), proxy.url, statements, "generic")
    proxy.black_hole()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(InvalidRequestError):
            await explainer.estimate(statements["users/get"])
        await explainer.close()


async def test_changing_indexes_ends_in_a_black_hole(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_ANSWER_S", "_LEAST_BUILD_S"):
        monkeypatch.setattr(own_indexes, name, 0.2)
    monkeypatch.setattr(connecting, "_CLOSE_S", 0.1)
    statements = load_statements(resource_folder("sql"))
    step = IndexStep(None, "chunk_vectors_hnsw_none", "a test", False, True, False, 0.0, 0, False)
    builder = await IndexBuilder.open(proxy.url, statements)
    proxy.black_hole()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(TimeoutError):
            await builder.apply(step)
        await builder.close()


async def test_a_keeper_of_the_embedded_server_that_fails_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(background, "_MOST_PAUSE_S", 0.002)

    class Unreadable:
        @property
        def is_running(self) -> bool:
            raise PermissionError("the data folder cannot be read")

    loops = Background()

    async def is_reported() -> bool:
        return [loop.name for loop in loops.failing] == ["embedded-server"]

    async with supervised(cast(EmbeddedServer, Unreadable()), loops):
        await until(is_reported)
