"""The checksum of a migration changes with its statements, and not with its comments; the order of the files."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlparse

from svc.errors import StartupError
from svc.migrations import files
from svc.migrations.files import checksum, edited_migrations, migration_ids, read_migrations

TEXT = """create table t (
    -- A comment.
    id int default 1, note text default 'two  words -- kept'
);"""
BODY = "do $body$\nbegin\n    -- kept by the server\n    perform 1;\nend\n$body$;"


@pytest.mark.parametrize(
    ("text", "good", "bad", "is_same"),
    [
        (TEXT, "    -- A comment.\n", "", True),
        (TEXT, "-- A comment.", "/* Another one. */", True),
        (TEXT, "(\n", "( ", True),
        (TEXT, "int default", "int\n    default", True),
        (TEXT, "int", "bigint", False),
        (TEXT, "default 1", "default 11", False),
        (TEXT, "two  words", "two words", False),
        (TEXT, "-- kept", "-- changed", False),
        (TEXT, "default 1,", "default 1 not null,", False),
        (BODY, "kept by the server", "changed", False),
        (BODY, "do $body$", "do -- Why.\n$body$", True),
    ],
)  # fmt: skip
def test_comments_and_lines_may_change_and_nothing_else(text: str, good: str, bad: str, is_same: bool) -> None:
    assert good in text

    assert (checksum([text.replace(good, bad, 1)]) == checksum([text])) == is_same


def test_an_added_or_moved_statement_changes_the_checksum() -> None:
    one, other = "select 1;", "select 2;"

    assert len({checksum([one]), checksum([one, one]), checksum([one, other]), checksum([other, one])}) == 4


def test_the_checksum_of_a_file_is_that_of_its_statements() -> None:
    """The databases have recorded those of the statements."""
    for migration in read_migrations():
        assert migration.checksum == checksum(migration.statements), migration.id


def test_a_database_at_this_schema_needs_no_file_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command that opens a database reads the files, and splitting them takes half a second."""
    files._read_folder.cache_clear()
    monkeypatch.setattr(sqlparse, "split", None)

    assert migration_ids()
    assert edited_migrations([]) == []


@pytest.mark.parametrize(
    ("headers", "order"),
    [
        ({"a": "c", "b": "", "c": ""}, ["b", "c", "a"]),
        ({"a": "", "b": "a", "c": "a b"}, ["a", "b", "c"]),
        ({"a": "nothing"}, "a.sql depends on nothing, which does not exist"),
        ({"a": "b", "b": "a"}, "depend on each other: a, b"),
    ],
)
def test_a_file_comes_after_those_that_it_depends_on(
    headers: dict[str, str], order: list[str] | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, depends in headers.items():
        (tmp_path / f"{name}.sql").write_text(f"-- Why: a test.\n-- depends: {depends}\nselect 1;\n")
        (tmp_path / f"{name}.rollback.sql").write_text("select 2;\n")
    monkeypatch.setattr(files, "resource_folder", lambda _: tmp_path)

    if isinstance(order, str):
        with pytest.raises(StartupError, match=order):
            read_migrations()
    else:
        assert migration_ids() == order
        assert [migration.back for migration in read_migrations()] == [("select 2;",)] * len(order)
