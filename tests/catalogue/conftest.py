"""One database for the tests in this folder, which only read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from tests.conftest import database_url_of


@pytest_asyncio.fixture(scope="session")
async def read_only_url(server: EmbeddedServer, template: str) -> AsyncIterator[str]:
    """URL of a migrated database."""
    connection = await asyncpg.connect(database_url_of(server.url, "postgres"))
    try:
        await connection.execute(f"create database catalogue_tests template {template} strategy file_copy")
        yield database_url_of(server.url, "catalogue_tests")
        await connection.execute("drop database catalogue_tests with (force)")
    finally:
        await connection.close()
