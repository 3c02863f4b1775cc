"""A column is added to every list of its table's columns, to the statements that write it, and to nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from svc.database.statements import load_statements
from tests.sql.add_column import ROOT, Column, NoSuchGroupError, add_column, write_migration
from tests.sql.migration_headers import read_header
from tests.sql.tree import parse


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of `sql/`."""
    return Path(shutil.copytree(ROOT / "sql", tmp_path / "sql"))


@pytest.mark.parametrize("table", ["conversations", "documents", "collections"])
def test_a_column_is_added_wherever_all_columns_are_listed(folder: Path, table: str) -> None:
    before = load_statements(folder)

    changes = add_column(folder, Column(table, "hue", "text"))

    assert changes.left == []
    changed = {path.relative_to(folder).with_suffix("").as_posix() for path in changes.changed}
    after = load_statements(folder)
    group = {name for name, one in before.items() if f"{table}/get" in (name, one.columns_as)}
    moved = {f"export/{table}", f"import/{table}", *(["documents/transfer"] if table == "documents" else [])}
    assert changed == group | moved
    for name in changed:
        statement = after[name]
        given = {parameter.name: parameter for parameter in statement.parameters}
        returned = {column.name: column for column in statement.columns}
        assert ("hue" in given) == (name == f"import/{table}"), name
        assert ("hue" in returned) == (name in group | {f"export/{table}"}), name
        if "hue" in returned:
            tree = parse(statement.text)[0]
            returning = getattr(tree, "returningClause", None)
            listed = returning.exprs if returning else getattr(tree, "returningList", None) or tree.targetList
            names = [one.name or one.val.fields[-1].sval for one in listed]
            assert names.count("hue") == 1, name
        if statement.shape == "copy":
            assert statement.copy_target[1] == [parameter.name for parameter in statement.parameters], name
        assert max(map(len, statement.text.splitlines())) <= 110, name
        lines = before[name].body.splitlines()
        added = [line for line in statement.body.splitlines() if line not in lines]
        # The line before the new one gets a comma.
        assert all("hue" in line or (line.endswith(",") and line[:-1] in lines) for line in added), (name, added)


@pytest.mark.parametrize("table", ["conversations", "documents", "collections"])
def test_a_column_that_clients_set_is_a_parameter_of_what_writes_it(folder: Path, table: str) -> None:
    before = load_statements(folder)

    changes = add_column(folder, Column(table, "hue", "text", is_given=True))

    assert changes.left == []
    after = load_statements(folder)
    taking = {name for name, one in after.items() if "hue" in {parameter.name for parameter in one.parameters}}
    assert taking == {f"{table}/create", f"{table}/update", f"import/{table}"}
    for verb in ("create", "update"):
        statement = after[f"{table}/{verb}"]
        last = statement.parameters[-1]
        assert (last.name, last.type, last.is_optional) == ("hue", "text", True)
        assert len(statement.parameters) == len(before[statement.name].parameters) + 1
        stored = f"${len(statement.parameters)}::text"
        assert statement.body.count(stored) == 1
        assert (f"{stored} as hue" in statement.body) == (verb == "create")
        assert ("hue = coalesce(" in statement.body) == (verb == "update")
        parse(statement.text)


def test_a_copy_of_rows_copies_the_column_with_the_others(folder: Path) -> None:
    add_column(folder, Column("documents", "hue", "text"))

    inserted = parse(load_statements(folder)["documents/transfer"].text)[0].withClause.ctes[0].ctequery
    columns = [column.name for column in inserted.cols]
    values = [one.name or one.val.fields[-1].sval for one in inserted.selectStmt.targetList]
    assert columns == values
    assert columns[-1] == "hue"


def test_the_statements_that_insert_rows_without_the_column_are_named(folder: Path) -> None:
    changes = add_column(folder, Column("documents", "hue", "text", is_given=True))

    assert changes.inserting == ["calibration/create_documents", "collection_files/add", "ingest/replace"]
    assert "documents/create" in add_column(folder, Column("documents", "tint", "text")).inserting


def test_the_statements_without_a_place_for_the_column_are_named_and_stay_as_they_are(folder: Path) -> None:
    changes = add_column(folder, Column("api_keys", "hue", "text", is_given=True))

    assert sorted(changes.left) == ["export/api_keys", "import/api_keys", "keys/get", "keys/update"]
    assert changes.changed == [folder / "keys/create.sql"]
    assert changes.changed == [path for path in folder.rglob("*.sql") if "hue" in path.read_text()]


def test_a_table_that_no_statement_returns_is_refused(folder: Path) -> None:
    with pytest.raises(NoSuchGroupError, match="has no folder usage_flushes, and no statement `get` reads it"):
        add_column(folder, Column("usage_flushes", "hue", "text"))


def test_the_draft_of_a_migration_lacks_its_reason_alone(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    numbers = {path.name[:4] for path in (ROOT / "migrations").glob("*.sql")}

    forward, back = write_migration(tmp_path / "migrations", Column("documents", "hue", "text"))

    assert forward.name == f"{int(max(numbers)) + 1:04}.documents_hue.sql"
    assert back.read_text() == "alter table documents drop column hue;\n"
    draft = forward.read_text()
    assert read_header(forward, draft)[1]
    complete = draft.replace("-- Why:", "-- Why: a test.").replace("''", "'The colour.'")
    fields, faults = read_header(forward, complete)
    assert faults == []
    assert {field.key: field.value for field in fields}["depends"] in {
        path.stem for path in (ROOT / "migrations").glob(f"{max(numbers)}.*.sql")
    }
    parse(complete)
