"""The tables of every statement, found by PostgreSQL's own parser. `python -m tests.sql.record_tables` writes them to
svc/catalogue/tables.json, and `make check` compares them.
"""

from __future__ import annotations

import json
from pathlib import Path

from svc.catalogue.tables import RECORD, TablesUsed, recorded_tables
from svc.database.statements import Statement, load_statements
from tests.sql.tree import ANY_TABLE, Fault, ast, parse, walk

ROOT = Path(__file__).resolve().parents[2]
_WRITING = (
    ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt, ast.CopyStmt, ast.CreateStmt, ast.IndexStmt,
    ast.AlterTableStmt, ast.VacuumRelation,
)  # fmt: skip


def tables_used(statement: Statement) -> TablesUsed:
    """The tables of one statement, without the names of its own `with` queries."""
    if statement.shape in ("explain", "template"):
        # A part of a statement, or one whose table is a placeholder: it names no table.
        return TablesUsed()
    nodes = [node for part in parse(statement.text) for node in walk(part)]
    queries = {node.ctename for node in nodes if isinstance(node, ast.CommonTableExpr)}
    locked = {id(name) for node in nodes if isinstance(node, ast.LockingClause) for name in node.lockedRels or ()}
    written = {id(node.relation): node.relation.relname for node in nodes if isinstance(node, _WRITING)}
    granted = [table for node in nodes if isinstance(node, ast.GrantStmt) for table in node.objects]
    written |= {id(table): table.relname for table in granted if isinstance(table, ast.RangeVar)}
    read = {
        node.relname
        for node in nodes
        if isinstance(node, ast.RangeVar) and id(node) not in written.keys() | locked and node.relname not in queries
    }
    return TablesUsed(tuple(sorted(read - {ANY_TABLE})), tuple(sorted({*written.values()} - {ANY_TABLE})))


def record_faults(root: Path) -> list[Fault]:
    """The differences between the record and the statements below `root`."""
    recorded = recorded_tables()
    used = {name: tables_used(statement) for name, statement in load_statements(root / "sql").items()}
    differing = sorted(name for name in used.keys() | recorded.keys() if used.get(name) != recorded.get(name))
    return [Fault(RECORD, 1, f"the tables of {name} are not as recorded; run: make record") for name in differing]


def main() -> None:
    """Write the record, with one line for each statement."""
    lines = []
    for name, statement in load_statements(ROOT / "sql").items():
        used = tables_used(statement)
        lines.append(f"  {json.dumps(name)}: {json.dumps({'reads': used.reads, 'writes': used.writes})}")
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
