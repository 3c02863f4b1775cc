"""Each rule for sql/ that needs no server detects its fault; `make check` applies the rules to every file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sql import checker
from tests.sql.checker import check_sql, check_statement
from tests.sql.conftest import STATEMENTS, Write
from tests.sql.tables import Tables

HEADER = """\
-- documents/planted :many
-- A statement that a careless hand could write.
-- $1 user_id  uuid  the tenant
-- $2 max_rows int
-- returns: id uuid
"""
GOOD = "select d.id\nfrom documents as d\nwhere d.user_id = $1::uuid\norder by d.id\nlimit $2::int;"

FAULTS = {
    "no limit": ("limit $2::int", "", "has a LIMIT"),
    "a null limit": ("limit $2::int", "limit null", "has a LIMIT"),
    "limit all": ("limit $2::int", "limit all", "has a LIMIT"),
    "a limit inside only": (
        GOOD, "with a as (select d.id from documents as d where d.user_id = $1::uuid order by d.id limit $2::int)"
        " select a.id from a cross join generate_series(1, 9) as s (n);", "has a LIMIT",
    ),
    "a limit of millions": ("limit $2::int", "limit 1000000", "over 10000 rows"),
    "a limit that is computed": ("limit $2::int", "limit $2::int + 1000", "a parameter, a number"),
    "the more of two limits": ("limit $2::int", "limit greatest(10, $2::int)", "a parameter, a number"),
    "a limit less something unknown": ("limit $2::int", "limit greatest(0, $2::int - d.n)", "a parameter, a number"),
    "a limit and more": ("limit $2::int", "limit greatest(0, $2::int + 64)", "a parameter, a number"),
    "the least of one that is computed": ("limit $2::int", "limit least(64, $2::int + 1)", "a parameter, a number"),
    "the least of millions": ("limit $2::int", "limit least(1000000, 2 * $2::int)", "over 10000 rows"),
    "a limit of many times as much": ("limit $2::int", "limit 11 * $2::int", "a parameter, a number"),
    "no order": ("order by d.id\n", "", "without ORDER BY"),
    "offset": ("limit $2::int", "limit $2::int offset 10", "no OFFSET"),
    "star": ("select d.id", "select *", "never *"),
    "a table's star": ("select d.id", "select d.*", "never *"),
    "a whole row": ("select d.id", "select d", "whole row"),
    "a whole row in a function": ("select d.id", "select to_jsonb(d)", "whole row"),
    "an array of any length": (
        "select d.id", "select array(select c.id from chunks as c where c.user_id = $1::uuid)", "array() gathers",
    ),
    "an aggregate of any length": (
        "select d.id", "select (select jsonb_agg(c.id) from chunks as c where c.user_id = $1::uuid)",
        "jsonb_agg() gathers",
    ),
    "an aggregate over one limited and one not": (
        "select d.id", "select (select string_agg(c.content, '') from (select k.id from chunks as k where k.user_id ="
        " $1::uuid order by k.id limit 3) as l inner join chunks as c on c.user_id = $1::uuid and c.id = l.id)",
        "string_agg() gathers",
    ),
    "no cast": ("$1::uuid", "$1", "$1 stands without a cast to uuid"),
    "the wrong cast": ("$2::int", "$2::bigint", "$2 stands without a cast to int4"),
    "a parameter that nobody declared": ("limit $2::int", "limit $3::int", "$3 is not in the header"),
    "two statements": (GOOD, GOOD + GOOD, "one statement a file"),
    "a setting": (GOOD, "set local hnsw.ef_search = 10;", "cannot hold a VariableSetStmt"),
    "a table made by the way": ("select d.id\n", "select d.id into copied\n", "SELECT INTO"),
    "a session's setting": ("select d.id", "select set_config('hnsw.ef_search', '9', false)", "changes the session"),
    "SQL in a string": ("select d.id", "select query_to_xml('select 1', true, true, '')", "nobody can read here"),
    "a lock without an end": ("select d.id", "select pg_advisory_lock(1)", "does not end"),
    "a syntax error": ("order by", "oder by", "syntax error"),
    "a table that nobody made": ("documents", "secrets", "no table secrets"),
    "no tenant": ("where d.user_id = $1::uuid", "where $1::uuid is not null", "not tied to the tenant"),
    "no sentence about it": ("A statement that a careless hand could write.", "A statement.", "four words or more"),
    "an intent without its full stop": ("could write.", "could write", "is a sentence of four words or more"),
    "no semicolon": ("limit $2::int;", "limit $2::int", "ends with a semicolon"),
    "columns that nobody declared": ("-- returns: id uuid\n", "", "a :many file has a line `-- returns:`"),
    "another word for the tenant": ("the tenant", "whose documents", "the comment of user_id is: the tenant"),
    "DDL": (GOOD, "create table d (id int);", "cannot hold a CreateStmt"),
}  # fmt: skip


def test_a_good_statement_passes(write: Write, tables: Tables) -> None:
    assert check_statement(write(f"{HEADER}{GOOD}\n"), tables) == []


@pytest.mark.parametrize("limit", ["64", "2 * $2::int", "least(64, $2::int)", "greatest(0, $2::int - 64)"])
def test_a_limit_that_ends_a_list_passes(write: Write, tables: Tables, limit: str) -> None:
    assert check_statement(write(f"{HEADER}{GOOD.replace('limit $2::int', f'limit {limit}')}\n"), tables) == []


@pytest.mark.parametrize(("good", "bad", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_each_rule_can_fail(write: Write, tables: Tables, good: str, bad: str, message: str) -> None:
    text = f"{HEADER}{GOOD}\n"
    assert good in text
    statement = write(text.replace(good, bad))

    faults = check_statement(statement, tables)

    assert message in "\n".join(str(fault) for fault in faults)
    assert all(fault.path == statement.path and fault.line >= 1 for fault in faults)


def test_a_fault_names_its_line(write: Write, tables: Tables) -> None:
    faults = check_statement(write(f"{HEADER}{GOOD.replace('order by d.id', 'order by d')}\n"), tables)

    assert [(fault.line, fault.message) for fault in faults] == [(9, "d is a whole row; list its columns")]


def test_a_function_that_names_its_columns_takes_a_row(write: Write, tables: Tables) -> None:
    allowed = GOOD.replace("order by", "and document_matches($1::uuid, null, d)\norder by")
    assert check_statement(write(f"{HEADER}{allowed}\n"), tables) == []

    refused = check_statement(write(f"{HEADER}{allowed.replace('document_matches', 'other')}\n"), tables)
    assert [(fault.line, fault.message) for fault in refused] == [(9, "d is a whole row; list its columns")]


def test_an_array_that_is_only_compared_needs_no_limit(write: Write, tables: Tables) -> None:
    ids = "array(select c.document_id from chunks as c where c.user_id = $1::uuid)"
    compared = GOOD.replace("order by", f"and d.id = any({ids})\norder by")
    assert check_statement(write(f"{HEADER}{compared}\n"), tables) == []

    measured = GOOD.replace("order by", f"and cardinality({ids}) > 0\norder by")
    assert [fault.line for fault in check_statement(write(f"{HEADER}{measured}\n"), tables)] == [9]


def test_count_star_is_allowed(write: Write, tables: Tables) -> None:
    query = "select count(*) as n from documents as d where d.user_id = $1::uuid order by n limit $2::int;"

    assert check_statement(write(f"{HEADER}{query}\n"), tables) == []


def test_an_insert_lists_its_columns(write: Write, tables: Tables) -> None:
    header = HEADER.replace(":many", ":exec").replace("-- returns: id uuid\n", "")
    faults = check_statement(write(f"{header}insert into documents values ($1::uuid, $2::int);\n"), tables)

    assert "the columns of an INSERT are listed" in [fault.message for fault in faults]


@pytest.mark.parametrize(
    ("line", "message"),
    [("-- tenant: none, because", "WITHOUT_TENANT"), ("-- bound: by nothing", "WITHOUT_LIMIT")],
)
def test_a_reason_in_the_header_alone_is_not_enough(write: Write, tables: Tables, line: str, message: str) -> None:
    faults = check_statement(write(f"{HEADER}{line}\nselect d.id from documents as d order by d.id limit 1;\n"), tables)

    assert message in "\n".join(fault.message for fault in faults)
    assert any("not tied to the tenant" in fault.message for fault in faults)


@pytest.mark.parametrize(
    ("name", "list_name"),
    [("indexes/list", "WITHOUT_TENANT"), ("ingest/chunk_ids", "WITHOUT_LIMIT")],
)
def test_an_entry_in_the_list_alone_is_not_enough(
    write: Write, tables: Tables, monkeypatch: pytest.MonkeyPatch, name: str, list_name: str
) -> None:
    key = "tenant" if list_name == "WITHOUT_TENANT" else "bound"
    text = "\n".join(line for line in STATEMENTS[name].text.splitlines() if not line.startswith(f"-- {key}: "))

    assert check_statement(write(text + "\n"), tables)


@pytest.mark.parametrize(
    ("shape", "returns", "message"),
    [("exec", "id uuid", "an :exec file has no line"), ("value", "id uuid, n int", "a :value file returns one column")],
)
def test_columns_are_declared_where_they_are_used(
    write: Write, tables: Tables, shape: str, returns: str, message: str
) -> None:
    header = HEADER.replace(":many", f":{shape}").replace("id uuid", returns)

    assert message in "\n".join(str(fault) for fault in check_statement(write(f"{header}{GOOD}\n"), tables))


def test_a_statement_that_binds_its_tenant_needs_no_entry_in_the_list(
    write: Write, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "WITHOUT_TENANT", checker.WITHOUT_TENANT | {"documents/planted"})

    faults = check_statement(write(f"{HEADER}-- tenant: none\n{GOOD}\n"), tables)

    assert [fault.message for fault in faults] == [
        "it binds its tenant, so it needs no place in the list WITHOUT_TENANT of tests/sql/checker.py"
    ]


def test_a_listed_file_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "WITHOUT_TENANT", checker.WITHOUT_TENANT | {"users/gone"})
    # The statements themselves are checked by `make check`.
    monkeypatch.setattr(checker, "check_statement", lambda statement, tables: [])

    assert any("there is an exception for users/gone" in str(fault) for fault in check_sql())


def test_a_file_that_is_never_loaded_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "sql" / "documents" / "deeper").mkdir(parents=True)
    (tmp_path / "sql" / "documents" / "deeper" / "get.sql").write_text("select 1;\n")

    assert any("nobody would load this" in str(fault) for fault in check_sql(tmp_path))
