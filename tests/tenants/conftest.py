"""A second database, into which tenants of the first are imported."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from svc.database.queries import Database, open_database
from svc.embedded.server import EmbeddedServer, url_as
from svc.settings import Settings
from tests.conftest import fresh_database


@pytest_asyncio.fixture
async def second_url(server: EmbeddedServer, template: str) -> AsyncIterator[str]:
    """URL of a second fresh migrated database."""
    async with fresh_database(server, template) as url:
        yield url


@pytest_asyncio.fixture
async def second(settings: Settings, second_url: str) -> AsyncIterator[Database]:
    """The query module on the second database."""
    database = await open_database(settings, url_as(second_url, settings.service_role))
    try:
        yield database
    finally:
        await database.close()
