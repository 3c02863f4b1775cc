"""A column is added to every list of the columns of its table, and to nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from svc.database.statements import load_statements
from tests.sql.add_column import ROOT, NoSuchGroupError, add_column
from tests.sql.tree import parse


@pytest.mark.parametrize("table", ["conversations", "documents", "collections"])
def test_a_column_is_added_wherever_all_columns_are_listed(tmp_path: Path, table: str) -> None:
    folder = tmp_path / "sql"
    shutil.copytree(ROOT / "sql", folder)
    before = load_statements(folder)

    changes = add_column(folder, table, "hue", "text")

    assert changes.left == []
    changed = {path.relative_to(folder).with_suffix("").as_posix() for path in changes.changed}
    after = load_statements(folder)
    group = {name for name, one in before.items() if f"{table}/get" in (name, one.columns_as)}
    assert changed == group | {f"export/{table}", f"import/{table}"}
    for name in changed:
        statement = after[name]
        given = {parameter.name: parameter for parameter in statement.parameters}
        returned = {column.name: column for column in statement.columns}
        assert ("hue" in given, "hue" in returned) == (name == f"import/{table}", name != f"import/{table}"), name
        if name != f"import/{table}":
            tree = parse(statement.text)[0]
            returning = getattr(tree, "returningClause", None)
            listed = returning.exprs if returning else getattr(tree, "returningList", None) or tree.targetList
            names = [one.name or one.val.fields[-1].sval for one in listed]
            assert names.count("hue") == 1, name
        assert max(map(len, statement.text.splitlines())) <= 110, name
        added = [line for line in statement.body.splitlines() if line not in before[name].body.splitlines()]
        assert all("hue" in line or "updated_at" in line for line in added), (name, added)


def test_the_statements_without_a_place_for_the_column_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    shutil.copytree(ROOT / "sql", folder)

    changes = add_column(folder, "api_keys", "hue", "text")

    assert changes.changed == []
    assert sorted(changes.left) == ["export/api_keys", "import/api_keys", "keys/get"]


def test_a_table_that_no_statement_returns_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    shutil.copytree(ROOT / "sql", folder)

    with pytest.raises(NoSuchGroupError, match="has no folder usage_flushes, and no statement `get` reads it"):
        add_column(folder, "usage_flushes", "hue", "text")
