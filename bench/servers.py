"""The PostgreSQL that a benchmark runs on: a temporary server, or a given one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from svc.database.codecs import connection_preparer
from svc.database.queries import Database, open_database
from svc.database.session_settings import session_settings
from svc.database.statements import load_statements
from svc.embedded.server import start_embedded
from svc.migrations.migrate import apply_migrations
from svc.resources import resource_folder
from svc.settings import Settings

MEMORY_MB = 4096
"""shared_buffers of the benchmarks' server, so that the timed data is in memory, as on a server of suitable size."""


@asynccontextmanager
async def benchmark_server(version: str = "18", memory_mb: int = MEMORY_MB) -> AsyncIterator[str]:
    """The URL of a new embedded server in a temporary folder; it is stopped and removed after the block."""
    folder = Path(tempfile.mkdtemp(prefix="cabinet-bench-"))
    folder.chmod(0o755)
    try:
        server = await start_embedded(folder, version, memory_mb)  # type: ignore[arg-type]
        try:
            yield server.url
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def benchmark_settings(dimensions: int, **changes: Any) -> Settings:
    """Settings for synthetic vectors, with a model that is never called."""
    values: dict[str, Any] = {
        "openai_base_url": "http://127.0.0.1:9/v1", "embedding_model": "made-up", "embedding_dimensions": dimensions,
        "statement_timeout_s": 600, "worker_concurrency": 0,
    }  # fmt: skip
    return Settings(_env_file=None, **{**values, **changes})


@asynccontextmanager
async def benchmark_database(url: str, settings: Settings) -> AsyncIterator[Database]:
    """Cabinet's schema and statements on the database at `url`, which must be empty or created by an earlier call."""
    await apply_migrations(settings, url)
    database = await open_database(settings, url)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def benchmark_connection(url: str, settings: Settings, **session: str) -> AsyncIterator[Any]:
    """One connection, opened like those of the service, with these additional settings."""
    statements = load_statements(resource_folder("sql"))
    connection = await asyncpg.connect(url, server_settings={**session_settings(settings), **session})
    try:
        await connection_preparer(statements["server/vector_schema"])(connection)
        yield connection
    finally:
        await connection.close()
