"""Parses SQL with PostgreSQL's own parser: the tree, its nodes, and their places in the file."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pglast.ast
from pglast import parse_sql
from pglast.enums import A_Expr_Kind, BoolExprType, BoolTestType
from pglast.parser import ParseError

# In the library's types, every attribute of a node can be None, contrary to the grammar, so they are not used.
ast: Any = pglast.ast

# The substitute for a placeholder of sql/ddl/, sql/roles/ or sql/policies/ during parsing, with the same number of
# characters, so that locations stay correct.
OWN_INDEX = "x_name"
ANY_TABLE = "a_tabl"
_PLACEHOLDERS = {
    ":dimensions": "10000000000", ":bits": "10000", ":index": OWN_INDEX,
    ":owner_role": "an_owner_ro", ":service_role": "a_service_rol", ":database_name": "a_database_nam",
    ":schema_name": "a_schema_nam", ":setting": "a_settin", ":value": "'text'",
    ":table": ANY_TABLE, ":columns": "a_column", ":parameters": "'some text'",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Fault:
    """A violated rule of a file, described for the person who will change the file."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class SqlSyntaxError(Exception):
    """PostgreSQL cannot parse the text; `line` is the line of the error."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def parse(text: str) -> list[Any]:
    """The statements of a text.

    Raises:
        SqlSyntaxError: it is not SQL.
    """
    try:
        return [raw.stmt for raw in parse_sql(_filled(text))]
    except ParseError as error:
        location = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else 0
        raise SqlSyntaxError(str(error.args[0]), line_of(text, location)) from error


@functools.cache
def parsed(text: str) -> tuple[Any, ...]:
    """Like `parse`, but cached, for callers that do not change the nodes. Tests check the same files often.

    Raises:
        SqlSyntaxError: it is not SQL.
    """
    return tuple(parse(text))


def _filled(text: str) -> str:
    for placeholder, value in _PLACEHOLDERS.items():
        text = text.replace(placeholder, value)
    return text


def line_of(text: str, location: int | None) -> int:
    """The line, counted from 1, of a character of the text."""
    return text.count("\n", 0, max(0, location or 0)) + 1


def location_of(node: Any) -> int:
    """The location of a node, or of its first part that has one."""
    own = getattr(node, "location", None)
    if isinstance(own, int) and own >= 0:
        return own
    return next((location_of(child) for child in children(node)), 0)


def children(node: Any) -> Iterator[Any]:
    """The nodes directly below a node, in the order of the grammar, including those in lists."""
    if isinstance(node, ast.Node):
        for name in node:
            yield from _nodes(getattr(node, name))


def _nodes(value: Any) -> Iterator[Any]:
    if isinstance(value, ast.Node):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _nodes(item)


def walk(node: Any) -> Iterator[Any]:
    """A node and everything below it."""
    for start in _nodes(node):
        yield start
        for child in children(start):
            yield from walk(child)


def column(node: Any) -> tuple[str | None, str] | None:
    """The relation (None if omitted) and the name of a column reference; None for other nodes."""
    if not isinstance(node, ast.ColumnRef) or not all(isinstance(part, ast.String) for part in node.fields):
        return None
    names = [part.sval for part in node.fields]
    return (None, names[0]) if len(names) == 1 else (names[-2], names[-1])


def uncast(node: Any) -> Any:
    """The expression under the casts."""
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return node


def conjuncts(node: Any) -> list[Any]:
    """The mandatory parts of a condition."""
    if node is None:
        return []
    if isinstance(node, ast.BoolExpr) and node.boolop == BoolExprType.AND_EXPR:
        return [part for argument in node.args for part in conjuncts(argument)]
    if isinstance(node, ast.BooleanTest) and node.booltesttype == BoolTestType.IS_TRUE:
        return conjuncts(node.arg)
    return [node]


def equality(node: Any) -> tuple[Any, Any] | None:
    """Both sides of `a = b`; None for other nodes, including `a = any (b)` and `a is not distinct from b`."""
    if isinstance(node, ast.A_Expr) and node.kind == A_Expr_Kind.AEXPR_OP and [n.sval for n in node.name] == ["="]:
        return node.lexpr, node.rexpr
    return None


def alias_of(node: Any) -> str | None:
    """The name by which a relation is referred to."""
    if getattr(node, "alias", None) is not None:
        return str(node.alias.aliasname)
    return str(node.relname) if isinstance(node, ast.RangeVar) else None


def function_name(node: Any) -> str:
    """The name of a function without its schema."""
    return str(node.funcname[-1].sval)
