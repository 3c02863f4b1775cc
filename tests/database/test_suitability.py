"""Unsuitable databases are refused with a clear message before the first migration."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import asyncpg
import pytest

from svc.embedded.server import EmbeddedServer, start_embedded
from svc.errors import StartupError
from svc.migrations.migrate import apply_migrations
from svc.settings import Settings
from tests.conftest import POSTGRES_VERSION, database_url_of, running_service


async def run(url: str, *commands: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for command in commands:
            await connection.execute(command)
    finally:
        await connection.close()


async def refusal(settings: Settings, url: str) -> str:
    """The error with which migrations are refused on a database, which stays unchanged."""
    with pytest.raises(StartupError) as refused:
        await apply_migrations(settings, url)
    connection = await asyncpg.connect(url)
    try:
        tables = "select count(*) from pg_class where oid >= 16384 and relkind = 'r'"
        assert await connection.fetchval(tables) == 0
    finally:
        await connection.close()
    return refused.value.detail


async def test_a_database_that_is_not_utf8_is_refused(server: EmbeddedServer, settings: Settings) -> None:
    maintenance = database_url_of(server.url, "postgres")
    await run(maintenance, "create database latin encoding 'LATIN1' locale 'C' template template0")
    try:
        said = await refusal(settings, database_url_of(server.url, "latin"))
    finally:
        await run(maintenance, "drop database latin with (force)")

    assert "The database latin has the encoding LATIN1" in said
    assert "encoding 'UTF8'" in said


async def test_a_read_only_database_is_refused(settings: Settings, empty_url: str) -> None:
    name = empty_url.partition("?")[0].rpartition("/")[2]
    await run(empty_url, f"alter database {name} set default_transaction_read_only = on")

    said = await refusal(settings, empty_url)

    assert f"The database {name} is read-only for this login: default_transaction_read_only is on" in said


async def test_a_standby_is_refused(settings: Settings) -> None:
    folder = Path(tempfile.mkdtemp(prefix="cabinet-standby-"))
    folder.chmod(0o755)
    try:
        (await start_embedded(folder, POSTGRES_VERSION)).stop()  # type: ignore[arg-type]
        (folder / "postgres" / "standby.signal").touch()
        standby = await start_embedded(folder, POSTGRES_VERSION)  # type: ignore[arg-type]
        try:
            said = await refusal(settings, standby.url)
        finally:
            standby.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    assert "The database cabinet is on a standby, which is read-only" in said
    assert "target_session_attrs=read-write" in said


async def test_a_service_on_a_database_that_is_read_only_does_not_start(settings: Settings, database_url: str) -> None:
    name = database_url.partition("?")[0].rpartition("/")[2]
    await run(database_url, f"alter database {name} set default_transaction_read_only = on")

    with pytest.raises(StartupError, match="is read-only for this login"):
        async with running_service(settings, database_url):
            pass


async def test_pgvector_in_a_schema_off_the_search_path_is_refused_and_the_remedy_helps(
    settings: Settings, empty_url: str
) -> None:
    name = empty_url.partition("?")[0].rpartition("/")[2]
    await run(empty_url, "create schema extensions", "create extension vector schema extensions")

    said = await refusal(settings, empty_url)
    assert f"pgvector is installed in the schema extensions of the database {name}" in said

    remedy = said[said.index("alter database") : said.index("; or move it")]
    await run(empty_url, remedy, "grant usage on schema extensions to public")
    await apply_migrations(settings, empty_url)
    async with running_service(settings, empty_url) as service:
        _, key = await service.user("ada@example.com")
        await service.ready_document(key, "notes.txt", "The comet returns in May.")
