"""The privileges on tables that the statements need. `sql/roles/grant_*.sql` grant these to the service, and no others.

`python -m tests.sql.privileges` rewrites those files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pglast.enums import OnConflictAction

from svc.database.statements import UNPREPARED, Statement, load_statements
from tests.sql.tables import Tables, read_tables, schema_files
from tests.sql.tree import Fault, alias_of, ast, parse, walk

PRIVILEGES = ("select", "insert", "update", "delete")
# The statements with which migrations write tables that the service only reads; they run as the owner.
RUN_BY_OWNER = {
    "server/forget_migration",
    "server/note_log_version",
    "server/note_migration",
    "server/record_model",
}
_HEADERS = {
    "select": "The tables that the service reads: every table that one of its statements names.",
    "insert": "The tables into which the service inserts.",
    "update": "The tables whose rows the service updates or locks.",
    "delete": "The tables from which the service deletes. Cascades run with the privileges of the tables' owner.",
}


def needed(statements: Iterable[Statement], tables: Tables) -> dict[str, set[str]]:
    """The tables on which the statements of the service need each privilege."""
    rights: dict[str, set[str]] = {privilege: set() for privilege in PRIVILEGES}
    for statement in statements:
        if statement.shape in UNPREPARED or statement.name in RUN_BY_OWNER:
            continue
        for node in walk(parse(statement.text)):
            for privilege, table in _rights(node):
                if table in tables.columns:
                    rights[privilege].add(table)
    return rights


def _rights(node: Any) -> Iterable[tuple[str, str]]:
    if isinstance(node, ast.RangeVar):
        return [("select", str(node.relname))]
    if isinstance(node, ast.InsertStmt):
        table, clause = str(node.relation.relname), node.onConflictClause
        updates = clause is not None and clause.action == OnConflictAction.ONCONFLICT_UPDATE
        return [("insert", table), *([("update", table)] if updates else [])]
    if isinstance(node, ast.UpdateStmt):
        return [("update", str(node.relation.relname))]
    if isinstance(node, ast.DeleteStmt):
        return [("delete", str(node.relation.relname))]
    if isinstance(node, ast.CopyStmt):
        return [("insert", str(node.relation.relname))]
    if isinstance(node, ast.SelectStmt) and node.lockingClause:
        return [("update", str(part.relname)) for part in _locked(node)]
    return []


def _locked(select: Any) -> Iterator[Any]:
    """The tables whose rows a query locks: those that it names after OF, or all that it reads."""
    named = [clause.lockedRels for clause in select.lockingClause]
    aliases = {str(relation.relname) for relations in named for relation in relations or ()}
    for part in walk(select.fromClause):
        if isinstance(part, ast.RangeVar) and (None in named or (alias_of(part) or part.relname) in aliases):
            yield part


def grant_faults(root: Path) -> list[Fault]:
    """The files of grants below `root` that differ from the needs of the statements, which have no faults."""
    return [
        Fault(path, 1, "its grants differ from those that the statements need; run: python -m tests.sql.privileges")
        for path, text in _grants(root).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def _grants(root: Path) -> dict[Path, str]:
    rights = needed(load_statements(root / "sql").values(), read_tables(schema_files(root)))
    return {
        root / "sql" / "roles" / f"grant_{privilege}.sql": _text(privilege, sorted(tables))
        for privilege, tables in rights.items()
    }


def _text(privilege: str, tables: list[str]) -> str:
    lines = ",\n".join(f"    {table}" for table in tables)
    return (
        f"-- roles/grant_{privilege} :ddl\n-- {_HEADERS[privilege]}\ngrant {privilege} on\n{lines}\nto :service_role;\n"
    )


def main() -> None:
    """Write the files of grants."""
    root = Path(__file__).resolve().parents[2]
    for path, text in _grants(root).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
