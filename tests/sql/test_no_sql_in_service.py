"""The check that `svc/` contains no SQL finds planted SQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sql.checker import check_python
from tests.sql.conftest import STATEMENTS
from tests.sql.python_text import looks_like_sql, sql_faults


def test_the_check_recognises_every_statement_of_the_project() -> None:
    bodies = {name: statement.body for name, statement in STATEMENTS.items()}

    assert [name for name, body in bodies.items() if not looks_like_sql(body)] == []
    assert [name for name, body in bodies.items() if not looks_like_sql(" ".join(body.upper().split()))] == []


def test_the_check_reads_every_module_of_the_service(tmp_path: Path) -> None:
    for name, source in (
        ("svc/routes/planted.py", 'q = "select id from users"\n'),
        ("svc/demo/deeper/planted.py", '\nq = "select id from users"\n'),
        ("svc/database/statements.py", "\n"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)

    faults = [(fault.path.relative_to(tmp_path).as_posix(), fault.line) for fault in check_python(tmp_path)]

    assert faults == [
        ("svc/demo/deeper/planted.py", 2),
        ("svc/routes/planted.py", 1),
        ("svc/database/statements.py", 1),
    ]


@pytest.mark.parametrize(
    "source",
    [
        'q = "select id from users"',
        'q = "SELECT id,\\n  name\\nFROM users"',
        'q = f"select {columns} from {table}"',
        'q = "select " + columns + " from users"',
        'q = "select id " "from users"',
        'q = " ".join(["select id", "from users"])',
        'q = "select id from %s" % table',
        'q = b"select id from users"',
        'q = "select 1"',
        'q = "select uuidv7()"',
        'q = """\\n  with a as (\\n select 1)\\n  table a"""',
        'q = "with a as materialized (x)"',
        'q = "insert into users (id) values ($1)"',
        'q = "update users set name = $1"',
        'q = f"update {table} set name = $1"',
        'q = "delete from users"',
        'q = "merge into users using x on true when matched then delete"',
        'q = "create table x (id int)"',
        'q = f"create database {name} template {template}"',
        'q = "create unique index i on x (id)"',
        'q = "alter extension vector update"',
        'q = "drop table if exists x"',
        'q = "truncate table x"',
        'q = "copy x from stdin"',
        'q = "set local hnsw.ef_search = 100"',
        'q = f"set local statement_timeout = {ms}"',
        'q = "set search_path to x"',
        'q = "reset all"',
        'q = "listen channel"',
        'q = "notify channel"',
        'q = "begin;"',
        'q = "commit work"',
        'q = "rollback to sp"',
        'q = " where user_id = "',
        'q = " order by id desc"',
        'q = "limit 10"',
        'q = "and d.status in ($1)"',
        'q = "$1::uuid"',
        'q = f"explain (analyze, {options}) "',
        'q = "table users order by 1"',
        'q = "values (1), (2), (3)"',
        'q = {"a": ("select id from users", 1)}',
        'await connection.execute("analyze")',
        'await connection.fetch(f"table {name}")',
        'def f():\\n    """Docstring."""\\n    return "select id from users"',
    ],
)
def test_planted_sql_is_found(source: str) -> None:
    assert sql_faults(Path("svc/planted.py"), source.replace("\\n", "\n") if "def f" in source else source, set())


@pytest.mark.parametrize(
    "source",
    [
        '"""Select the rows from the table, insert into nothing."""',
        'def f():\n    """update users set name: this only documents."""',
        'x = "Undo the newest migrations, with the data that they hold?"',
        'x = "listen on this address"',
        'x = "begin"',
        'x = "The database lacks the migrations; run: cabinet migrate apply"',
        'x = "listen_addresses = \'\'"',
        'database.one("users/get", user_id=user_id)',
        'await connection.execute(statement.text, *arguments)',
    ],
)  # fmt: skip
def test_plain_language_is_not_taken_for_sql(source: str) -> None:
    assert sql_faults(Path("svc/planted.py"), source, set()) == []
