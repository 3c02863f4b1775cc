"""The database on which plans are compared, created once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from svc.database.queries import Database, open_database
from svc.embedded.server import EmbeddedServer
from svc.plans.baselines import Recorder
from tests.conftest import database_url_of, test_settings
from tests.plans.database import fill


@pytest_asyncio.fixture(scope="session")
async def filled_url(server: EmbeddedServer, template: str) -> AsyncIterator[str]:
    """URL of the database of 500 tenants. A test that changes it must undo the change."""
    connection = await asyncpg.connect(database_url_of(server.url, "postgres"))
    try:
        await connection.execute(f"create database filled template {template} strategy file_copy")
        url = database_url_of(server.url, "filled")
        await fill(url, test_settings())
        yield url
        await connection.execute("drop database filled with (force)")
    finally:
        await connection.close()


@pytest_asyncio.fixture(scope="session")
async def filled(filled_url: str) -> AsyncIterator[Database]:
    """The query module on that database."""
    database = await open_database(test_settings(), filled_url)
    try:
        yield database
    finally:
        await database.close()


@pytest_asyncio.fixture(scope="session")
async def recorder(filled_url: str, filled: Database) -> AsyncIterator[Recorder]:
    """Explains statements there."""
    recorder = await Recorder.open(test_settings(), filled_url, filled)
    try:
        yield recorder
    finally:
        await recorder.close()
