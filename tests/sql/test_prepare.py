"""The server starts only if every statement can be prepared with the types and columns in its header."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import copytree

import asyncpg
import pytest

from svc.database import queries
from svc.database.queries import Database, open_database
from svc.database.statements import load_statements
from svc.errors import StartupError
from svc.settings import Settings
from tests.sql.checker import ROOT

FAULTS = [
    ("users/get", "$1 user_id uuid", "$1 user_id text", "the header's parameters are ['text'], the server's ['uuid']"),
    ("users/get", "-- $1 user_id uuid  the tenant\n", "", "the header's parameters are [], the server's ['uuid']"),
    ("users/get", "returns: id uuid, external_id text", "returns: id uuid, outer_id text", "the header's columns are"),
    ("users/get", "id uuid, external_id text null", "external_id text null, id uuid", "the header's columns are"),
    ("users/get", "created_at timestamptz", "created_at timestamp", "created_at timestamp"),
    ("users/get", "    u.plan,\n", "", "the header's columns are"),
    ("users/get", "where u.id", "were u.id", "get.sql:17: cannot be prepared: syntax error"),
    ("users/get", "from users", "from people", "get.sql:16: cannot be prepared: relation \"people\" does not exist"),
    ("users/get", "u.email", "u.mail", "get.sql:10: cannot be prepared: column u.mail does not exist"),
    ("ingest/write_chunks", "$5 content      text", "$5 content      bytea", "content bytea"),
    ("ingest/write_chunks", "token_count  int\n", "token_count  int8\n", "token_count int8"),
    ("ingest/write_vectors", "(user_id, chunk_id,", "(user_id, piece_id,", "(no such column)"),
    ("ingest/write_vectors", "format binary", "format csv", "a :copy body must be"),
    ("users/get", ":one", ":first", ":first is not one of"),
]  # fmt: skip
# One of each kind for `make test`: a parameter, the columns, the syntax and the body of a copy.
_IN_SHORT = (0, 2, 6, 12)


async def test_the_files_fit_the_schema(database: Database) -> None:
    await database.check()


@pytest.mark.parametrize(
    ("name", "good", "bad", "message"),
    [
        pytest.param(*fault, marks=() if number in _IN_SHORT else pytest.mark.slow)
        for number, fault in enumerate(FAULTS)
    ],
)
async def test_a_file_that_does_not_fit_the_schema_prevents_the_start_and_is_named(
    settings: Settings, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    name: str, good: str, bad: str, message: str,
) -> None:  # fmt: skip
    folder = copytree(ROOT / "sql", tmp_path / "sql")
    text = (folder / f"{name}.sql").read_text()
    assert good in text
    (folder / f"{name}.sql").write_text(text.replace(good, bad, 1))
    monkeypatch.setattr(queries, "resource_folder", lambda _name: folder)

    with pytest.raises(StartupError) as refused:
        await open_database(settings, database_url)

    assert re.search(rf"{name}\.sql:\d+: ", refused.value.detail), "with its line"
    assert message in refused.value.detail
    assert len(refused.value.detail.splitlines()) == 1, "and no other file is blamed"


@pytest.mark.parametrize(
    ("good", "bad", "line"),
    [
        ("$2 document_id uuid", "$2 document_id text", 4),
        ("$4 max_rows    int", "$4 max_rows    bigint", 6),
        ("created_at timestamptz", "created_at date", 8),
    ],
)
async def test_a_wrong_type_is_named_with_its_line(
    database: Database, tmp_path: Path, good: str, bad: str, line: int
) -> None:
    folder = copytree(ROOT / "sql", tmp_path / "sql")
    path = folder / "chunks" / "list_by_document.sql"
    text = path.read_text()
    path.write_text(text.replace(good, bad, 1))
    assert path.read_text() != text

    with pytest.raises(StartupError) as refused:
        await Database(load_statements(folder), database.pool).check()

    assert refused.value.detail.startswith(f"{path}:{line}: the header's ")


async def test_all_wrong_files_are_named_at_once(database: Database, tmp_path: Path) -> None:
    folder = copytree(ROOT / "sql", tmp_path / "sql")
    for name in ("users/get", "documents/get"):
        path = folder / f"{name}.sql"
        path.write_text(path.read_text().replace("from ", "form ", 1))

    with pytest.raises(StartupError) as refused:
        await Database(load_statements(folder), database.pool).check()

    assert sorted(Path(line.split(":")[0]).parent.name for line in refused.value.detail.splitlines()) == [
        "documents", "users",
    ]  # fmt: skip


async def test_a_refused_start_leaves_no_connection_behind(
    settings: Settings, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copytree(ROOT / "sql", tmp_path / "sql")
    (folder / "users" / "get.sql").write_text("-- users/get :exec\n-- A statement that is none.\nselec;\n")
    monkeypatch.setattr(queries, "resource_folder", lambda _name: folder)

    with pytest.raises(StartupError):
        await open_database(settings, database_url)

    connection = await asyncpg.connect(database_url)
    try:
        others = await connection.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'cabinet'"
        )
    finally:
        await connection.close()
    assert others == 0
