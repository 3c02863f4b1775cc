"""One embedded server for the run, one migrated template database, and a clone of it for each test that asks."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from svc.database.embedded import EmbeddedServer, start_embedded
from svc.database.migrate import apply_migrations
from svc.database.queries import Database, open_database
from svc.settings import Settings

# One variable chooses the server's version: make test CABINET_POSTGRES_VERSION=16
POSTGRES_VERSION = os.environ.get("CABINET_POSTGRES_VERSION", "18")
# Settings of the person who runs the tests must not reach them.
for variable in [name for name in os.environ if name.startswith("CABINET_")]:
    del os.environ[variable]
for variable in ("DATABASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "PGSERVER_POSTGRES_VERSION"):
    os.environ.pop(variable, None)
Settings.model_config["env_file"] = None

_numbers = itertools.count(1)


def database_url_of(server_url: str, name: str) -> str:
    """The URL of another database on the same server."""
    parts = urlsplit(server_url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def test_settings(**changes: object) -> Settings:
    """Small limits, so that a test waits for nothing long."""
    values: dict[str, object] = {
        "pool_size": 5, "acquire_timeout_s": 5.0, "worker_poll_s": 0.5, "worker_retry_s": 0.1, "worker_concurrency": 2,
        "admin_key": "test-admin-key-0123456789", "chunk_tokens": 64, "chunk_overlap_tokens": 8,
    }  # fmt: skip
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


test_settings.__test__ = False  # type: ignore[attr-defined]


@pytest_asyncio.fixture(scope="session")
async def server() -> AsyncIterator[EmbeddedServer]:
    """The embedded server of this run, on a folder of its own, stopped and removed at the end."""
    # Not pytest's own temporary folder: its path can be too long for a socket, and is closed to root's server.
    folder = Path(tempfile.mkdtemp(prefix="cabinet-test-"))
    folder.chmod(0o755)
    server = await start_embedded(folder, POSTGRES_VERSION)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="session")
async def template(server: EmbeddedServer) -> str:
    """Name of a migrated, empty database, cloned for each test."""
    await apply_migrations(test_settings(), server.url)
    return "cabinet"


@pytest_asyncio.fixture
async def database_url(server: EmbeddedServer, template: str) -> AsyncIterator[str]:
    """URL of a fresh migrated database."""
    name = f"test_{next(_numbers)}"
    maintenance = database_url_of(server.url, "postgres")
    connection = await asyncpg.connect(maintenance)
    try:
        await connection.execute(f"create database {name} template {template}")
        yield database_url_of(server.url, name)
        await connection.execute(f"drop database if exists {name} with (force)")
    finally:
        await connection.close()


@pytest.fixture
def settings() -> Settings:
    """Settings for tests, with the local embedding model."""
    return test_settings()


@pytest_asyncio.fixture
async def database(settings: Settings, database_url: str) -> AsyncIterator[Database]:
    """The query module on a fresh database."""
    database = await open_database(settings, database_url)
    try:
        yield database
    finally:
        await database.close()
