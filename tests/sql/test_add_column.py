"""A column is added to every list of the columns of its table, and to nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from svc.database.statements import load_statements
from tests.sql.add_column import ROOT, add_column
from tests.sql.tree import parse


@pytest.mark.parametrize("table", ["conversations", "documents", "collections"])
def test_a_column_is_added_wherever_all_columns_are_listed(tmp_path: Path, table: str) -> None:
    folder = tmp_path / "sql"
    shutil.copytree(ROOT / "sql", folder)
    before = load_statements(folder)

    changed = {path.relative_to(folder).with_suffix("").as_posix() for path in add_column(folder, table, "hue", "text")}

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
