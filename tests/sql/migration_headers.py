"""Parses the header of a migration, with the information that a DBA needs, and compares it with the statements.

A header has lines `-- Key: value` in a fixed order. A long value continues in lines that begin with `--` and three
spaces.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svc.database.statements import Statement
from tests.sql.tree import Fault, SqlSyntaxError, ast, function_name, parsed, walk

_KEYS = {
    "Why": "what it is for",
    "Lock": "which lock on which table, and for how long",
    "On 10M rows": "how long it takes where its table has ten million rows",
    "Serves": "the statements that need it: folder/name, folder/*, …; or all",
    "Rollback loses": "what a rollback loses",
    "depends": "the id of the migration before it",
    "transactional": "false, for an index that is built concurrently",
}
_OPTIONAL = {"depends", "transactional"}
_KEY = re.compile(r"^-- (?P<key>[A-Za-z0-9 ]+): +(?P<value>\S.*)$")
_SERVED = re.compile(r"^[a-z0-9_]+/([a-z0-9_]+|\*)$")


@dataclass
class Field:
    """One key of a header: its value in one line, and the number of its first line."""

    key: str
    value: str
    line: int


@dataclass(frozen=True)
class Touched:
    """The names in the statements of a migration: created tables and functions, required tables, and created
    indexes."""

    made: frozenset[str]
    needed: frozenset[str]
    indexes: frozenset[str]

    @property
    def tables(self) -> frozenset[str]:
        """All of them except the indexes."""
        return self.made | self.needed


def read_header(path: Path, text: str) -> tuple[list[Field], list[Fault]]:
    """The fields of the header, and the faults of unreadable lines."""
    fields: list[Field] = []
    faults = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("--") or line.startswith("-- squawk-"):
            break
        if (match := _KEY.match(line)) and match["key"] in _KEYS:
            fields.append(Field(match["key"], match["value"].strip(), number))
        elif fields and line.startswith("--   "):
            fields[-1].value += " " + line[2:].strip()
        else:
            expected = ", ".join(f"-- {key}:" for key in _KEYS)
            faults.append(
                Fault(path, number, f"a header has the lines {expected}; a long one goes on after -- and three spaces")
            )
    return fields, faults


def header_faults(path: Path, text: str, before: str | None) -> Iterator[Fault]:
    """The faults of the header of a migration that follows the one with the id `before`."""
    fields, faults = read_header(path, text)
    yield from faults
    found = [field.key for field in fields]
    for key, meaning in _KEYS.items():
        if key not in found and key not in _OPTIONAL:
            yield Fault(path, 1, f"a line reads: -- {key}: {meaning}")
    for field in fields:
        if found.count(field.key) > 1:
            yield Fault(path, field.line, f"{field.key}: stands here twice")
    if found != [key for key in _KEYS if key in found]:
        yield Fault(path, 1, f"the lines of the header stand in this order: {', '.join(_KEYS)}")
    depends = next((field for field in fields if field.key == "depends"), None)
    if before is not None and (depends is None or depends.value != before):
        yield Fault(path, depends.line if depends else 1, f"a line reads: -- depends: {before}")
    if before is None and depends is not None:
        yield Fault(path, depends.line, "the first migration depends on none")


@functools.cache
def touched(text: str) -> Touched:
    """The names in the statements of a migration."""
    made, needed, indexes = set(), set(), set()
    for node in walk(parsed(text)):
        if isinstance(node, ast.CreateStmt):
            made.add(str(node.relation.relname))
        elif isinstance(node, ast.CreateFunctionStmt):
            made.add(str(node.funcname[-1].sval))
        elif isinstance(node, ast.AlterTableStmt | ast.InsertStmt | ast.UpdateStmt | ast.DeleteStmt):
            needed.add(str(node.relation.relname))
        elif isinstance(node, ast.IndexStmt):
            needed.add(str(node.relation.relname))
            indexes.add(str(node.idxname))
        elif isinstance(node, ast.Constraint) and node.pktable is not None:
            needed.add(str(node.pktable.relname))
    return Touched(frozenset(made), frozenset(needed - made), frozenset(indexes))


def tables_of(statement: Statement) -> frozenset[str]:
    """The relations and functions that a statement names; none if the text is not a complete SQL statement."""
    return _named_in(statement.text)


@functools.cache
def _named_in(text: str) -> frozenset[str]:
    try:
        nodes = list(walk(parsed(text)))
    except SqlSyntaxError:
        return frozenset()
    relations = {str(node.relname) for node in nodes if isinstance(node, ast.RangeVar)}
    return frozenset(relations | {function_name(node) for node in nodes if isinstance(node, ast.FuncCall)})


def truth_faults(
    path: Path, text: str, statements: Mapping[str, Statement], tables: Mapping[str, frozenset[str]]
) -> Iterator[Fault]:
    """The differences between a header and the files: locked tables that it does not name, and unknown statements.

    `statements` are those of `sql/` by name, `tables` the tables and functions that each of them names.
    """
    fields = {field.key: field for field in read_header(path, text)[0]}
    about = touched(text)
    lock, serves = fields["Lock"], fields["Serves"]
    for table in sorted(about.needed):
        if not re.search(rf"\b{table}\b", lock.value):
            yield Fault(path, lock.line, f"Lock: says nothing of {table}, which it changes, indexes or refers to")
    if serves.value == "all":
        return
    served: set[str] = set()
    for pattern in re.split(r",\s*", serves.value):
        names = _matching(pattern, statements)
        if not _SERVED.match(pattern):
            yield Fault(path, serves.line, f"Serves: lists folder/name, folder/*, …, or says all; this is {pattern!r}")
        elif not names:
            yield Fault(path, serves.line, f"Serves: there is no statement {pattern} in sql/")
        elif not any(tables[name] & about.tables for name in names):
            yield Fault(path, serves.line, f"Serves: {pattern} uses no table and no function of this migration")
        served |= names
    for name in sorted(set(statements) - served):
        for index in sorted(about.indexes & set(re.split(r",\s*", statements[name].index))):
            yield Fault(path, serves.line, f"Serves: does not name {name}, which is written for {index}")
    for table in sorted(about.made):
        if not any(table in tables[name] for name in served):
            yield Fault(path, serves.line, f"Serves: names no statement that uses {table}")


def _matching(pattern: str, statements: Mapping[str, Any]) -> set[str]:
    if pattern.endswith("/*"):
        return {name for name in statements if name.startswith(pattern[:-1])}
    return {pattern} & set(statements)
