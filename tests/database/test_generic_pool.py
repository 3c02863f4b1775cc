"""The connections for statements that are planned once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from svc.database import generic_pool
from svc.database.opening import open_pool
from svc.database.queries import Database, open_database
from svc.database.session_settings import generic_session_settings
from svc.errors import DatabaseUnavailableError
from svc.settings import Settings
from tests.conftest import test_settings
from tests.database.conftest import make_user

GENERIC = ["force_generic_plan"]


@asynccontextmanager
async def opened(settings: Settings, url: str) -> AsyncIterator[Database]:
    database = await open_database(settings, url)
    try:
        yield database
    finally:
        await database.close()


async def mode(database: Database) -> str:
    assert database.generic is not None
    async with database.generic.connection() as connection:
        return str(await connection.fetchval("select current_setting('plan_cache_mode')"))


async def search(database: Database, user_id: UUID) -> Any:
    vector = np.ones(256, dtype=np.float32)
    return await database.many("search/exact_all", user_id=user_id, embedding=vector, max_rows=10)


async def test_a_statement_is_planned_once(settings: Settings, database_url: str) -> None:
    async with opened(settings, database_url) as database:
        user_id = await make_user(database, "ada@example.org")
        for _ in range(3):
            assert await search(database, user_id) == []
        assert database.generic is not None
        text = "select name, generic_plans, custom_plans from pg_prepared_statements where statement like $1"
        async with database.generic.connection() as connection:
            rows = await connection.fetch(text, "-- search/exact_all%")
        async with database.pool.connection() as connection:
            assert await connection.fetch(text, "-- search/exact_all%") == [], "the ordinary ones were not used"

    assert [(row["generic_plans"], row["custom_plans"]) for row in rows] == [(3, 0)]


async def test_nobody_waits_for_one_of_them(settings: Settings, database_url: str) -> None:
    async with opened(settings, database_url) as database:
        assert database.generic is not None
        async with database.generic.connection(), asyncio.timeout(5):
            assert await mode(database) == "force_custom_plan"
        assert await mode(database) == "force_generic_plan"
        assert database.pool.busy_count == database.generic.pool.busy_count == 0


async def test_an_ordinary_one_takes_the_place_of_one_that_cannot_be_opened(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(settings, database_url) as database:
        assert database.generic is not None
        tried = 0

        async def refuse() -> Any:
            nonlocal tried
            tried += 1
            raise DatabaseUnavailableError("too many connections")

        monkeypatch.setattr(database.generic.pool, "take", refuse)
        assert [await mode(database) for _ in range(2)] == 2 * ["force_custom_plan"]
        assert tried == 1, "it is not retried for each statement"
        database.generic.rest(0)
        monkeypatch.undo()
        assert await mode(database) == "force_generic_plan"


async def test_settings_that_are_dropped_are_reported_once(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """This is the situation behind a pooler, where the role's settings apply."""
    asked = {**generic_session_settings(settings), "hnsw.ef_search": "77"}

    async def dropping(settings: Settings, url: str, schema: Any, _session: Any, *others: Any, **more: Any) -> Any:
        return await open_pool(settings, url, schema, generic_session_settings(settings), *others, **more)

    monkeypatch.setattr(generic_pool, "generic_session_settings", lambda _settings: asked)
    monkeypatch.setattr(generic_pool, "open_pool", dropping)
    async with opened(settings, database_url) as database:
        with caplog.at_level(logging.WARNING):
            assert [await mode(database) for _ in range(3)] == [*GENERIC, "force_custom_plan", "force_custom_plan"]

    assert [record.message.count("hnsw.ef_search is") for record in caplog.records] == [1]


async def test_there_need_be_none(database_url: str) -> None:
    async with opened(test_settings(generic_pool_size=0), database_url) as database:
        assert database.generic is None
        assert await search(database, await make_user(database, "ada@example.org")) == []
