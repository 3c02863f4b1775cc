"""The tables of a statement are those of its parse tree, for every file."""

from __future__ import annotations

import pytest

from svc.catalogue.tables import TablesUsed, tables_used
from svc.database.statements import Statement
from tests.catalogue.derived import all_statements
from tests.sql.tree import ast, parse, walk

WRITING = (
    ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt, ast.CopyStmt, ast.CreateStmt, ast.IndexStmt,
    ast.AlterTableStmt, ast.VacuumRelation,
)  # fmt: skip


def tables_of_tree(text: str) -> TablesUsed:
    """The same by PostgreSQL's own parser."""
    nodes = [node for statement in parse(text) for node in walk(statement)]
    parts = {node.ctename for node in nodes if isinstance(node, ast.CommonTableExpr)}
    locked = {id(name) for node in nodes if isinstance(node, ast.LockingClause) for name in node.lockedRels or ()}
    written = {id(node.relation): node.relation.relname for node in nodes if isinstance(node, WRITING)}
    granted = [table for node in nodes if isinstance(node, ast.GrantStmt) for table in node.objects]
    written |= {id(table): table.relname for table in granted if isinstance(table, ast.RangeVar)}
    read = {
        node.relname
        for node in nodes
        if isinstance(node, ast.RangeVar) and id(node) not in written.keys() | locked and node.relname not in parts
    }
    return TablesUsed(tuple(sorted(read)), tuple(sorted(set(written.values()))))


# What is put before another statement is none by itself.
WHOLE = [statement for statement in all_statements().values() if statement.shape != "explain"]


@pytest.mark.parametrize("statement", WHOLE, ids=lambda statement: statement.name)
def test_the_tables_of_a_file_are_those_of_its_tree(statement: Statement) -> None:
    assert tables_used(statement.body) == tables_of_tree(statement.text)


@pytest.mark.parametrize(
    ("body", "reads", "writes"),
    [
        ("select a.x from a, b as c, lateral f(a.x) as g;", "a b", ""),
        ("with a as (select 1), b as not materialized (select 2) select x from a, b, c;", "c", ""),
        ("select extract(epoch from d.at), substring(d.s from 1) from d where d.x is distinct from d.y;", "d", ""),
        ("select x from a for no key update of a;", "a", ""),
        ("insert into a (x) values (1) on conflict (x) do update set x = 2;", "", "a"),
        ("delete from a using b as c where a.x = c.x;", "b", "a"),
        ("update only a set x = 'from z' from b;", "b", "a"),
        ("create index concurrently if not exists i on a using hnsw (x);", "", "a"),
    ],
)
def test_the_tables_of_a_text(body: str, reads: str, writes: str) -> None:
    assert tables_used(body) == TablesUsed(tuple(reads.split()), tuple(writes.split()))
