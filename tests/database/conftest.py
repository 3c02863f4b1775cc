"""Fixtures: rows, statements of a test, and a second connection that observes the first."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from svc.database.calls import Queries
from svc.database.queries import Database
from svc.database.statements import read_statement
from svc.embedded.server import EmbeddedServer
from svc.migrations import files as migration_files
from tests.conftest import PATIENCE_S, database_url_of
from tests.database.added_migrations import add_migrations

Plant = Callable[[str, str], Database]

_numbers = itertools.count(1)


@pytest_asyncio.fixture
async def empty_url(server: EmbeddedServer) -> AsyncIterator[str]:
    """URL of a database without a schema."""
    name = f"empty_{next(_numbers)}"
    connection = await asyncpg.connect(database_url_of(server.url, "postgres"))
    try:
        await connection.execute(f"create database {name} template template0 strategy file_copy")
        yield database_url_of(server.url, name)
        await connection.execute(f"drop database {name} with (force)")
    finally:
        await connection.close()


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the migrations of a later release, which this release uses as its own."""
    folder = add_migrations(tmp_path / "migrations")
    monkeypatch.setattr(migration_files, "resource_folder", lambda _name: folder)
    return folder


@pytest.fixture
def plant(database: Database, tmp_path: Path) -> Plant:
    """Add a file with this name and text to `sql/` for this test; returns the query module that includes it."""

    def add(title: str, text: str) -> Database:
        name = title.partition(" ")[0]
        path = tmp_path / f"{name}.sql"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"-- {title}\n-- A statement for a test.\n{text}\n")
        return Database({**database.statements, name: read_statement(path, tmp_path)}, database.pool)

    return add


async def until(condition: Callable[[], Awaitable[Any]], within_s: float = PATIENCE_S) -> Any:
    """Poll until the answer is true, and return it."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if answer := await condition():
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError(f"not true within {within_s} s")


async def make_user(database: Queries, email: str = "ada@example.org") -> UUID:
    """A user's id."""
    row = await database.one(
        "users/create", email=email, name=None, plan="free", preferences={}, external_id=None, key_prefix="cab_test",
        key_hash=email.encode().ljust(32, b"\0"),
    )  # fmt: skip
    assert row is not None
    return UUID(str(row.id))


async def make_document(database: Queries, user_id: UUID, filename: str = "notes.txt") -> UUID:
    """A document's id; its job is in the queue."""
    row = await database.one(
        "documents/create", user_id=user_id, filename=filename, file_type="text", metadata={}, content=b"text",
        content_hash=UUID(int=1), expires_at=None, is_read=True,
        file_size=4,
    )  # fmt: skip
    assert row is not None
    return UUID(str(row.id))
