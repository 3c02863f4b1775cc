"""Fixtures: statements of a test, and the schema for checking them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from svc.database.statements import Statement, load_statements, read_statement
from svc.embedded.server import EmbeddedServer
from tests.conftest import database_url_of
from tests.sql.checker import ROOT
from tests.sql.tables import Tables, read_tables, schema_files

# Collected once, so that each file is a separate test.
STATEMENTS = load_statements(ROOT / "sql")
Write = Callable[[str], Statement]


@pytest.fixture(scope="session")
def tables() -> Tables:
    """The tables of the schema."""
    return read_tables(schema_files(ROOT))


@pytest_asyncio.fixture(scope="session")
async def database_url(server: EmbeddedServer, template: str) -> AsyncIterator[str]:
    """URL of one migrated database for all tests here, which only read."""
    connection = await asyncpg.connect(database_url_of(server.url, "postgres"))
    try:
        await connection.execute(f"create database read_only_tests template {template} strategy file_copy")
        yield database_url_of(server.url, "read_only_tests")
        await connection.execute("drop database read_only_tests with (force)")
    finally:
        await connection.close()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a statement to the file that its first line names, and read it back."""

    def write_statement(text: str) -> Statement:
        named = re.match(r"-- (\w+/\w+) ", text)
        path = tmp_path / "sql" / f"{named[1] if named else 'documents/planted'}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return read_statement(path, tmp_path / "sql")

    return write_statement
