"""Finds SQL in Python: `svc/` must contain none, so that a DBA finds every statement in `sql/`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from pglast import parse_sql
from pglast.parser import ParseError

from tests.sql.tree import Fault

_PATTERNS = [
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"\bselect\b.+\bfrom\b",
        r"^\s*select\s+[\w$*'\"(]+",
        r"\binsert\s+into\b",
        r"\bupdate\s+[\w.\"{}]+\s+(as\s+\w+\s+)?set\b",
        r"\bdelete\s+from\b",
        r"\bmerge\s+into\b",
        r"\bwith\s+(recursive\s+)?\w+\s*(\([^)]*\)\s*)?as\s+((not\s+)?materialized\s*)?\(",
        r"\b(create|alter|drop)\s+(or\s+replace\s+)?(unlogged\s+|temp(orary)?\s+|unique\s+|materialized\s+)*"
        r"(table|index|view|function|procedure|database|schema|extension|sequence|trigger|type|role|user|policy)\s+[\w:]",
        r"\btruncate\s+(table\s+)?\w+\s*;?\s*$",
        r"\bcopy\s+.+\b(from|to)\s+(stdin|stdout|program|')",
        r"^\s*set\s+(local|session)\b",
        r"^\s*(?-i:set|SET)\s+[\w.]+\s*(=|to)\s*\S",  # In an English sentence, this word begins with a capital.
        r"^\s*reset\s+(all|[\w.]+)\s*;?\s*$",
        r"^\s*(un)?listen\s+(\w+|\*)\s*;?\s*$",
        r"^\s*notify\s+\w+\s*(,.*)?;?\s*$",
        r"^\s*(begin|commit|rollback|abort)\s*(work|transaction)?\s*;\s*$",
        r"^\s*(begin|commit|rollback|start)\s+(work|transaction)\b",
        r"^\s*(savepoint|release\s+savepoint|rollback\s+to)\s+\w+\s*;?\s*$",
        r"^\s*(explain|vacuum|reindex|cluster|lock\s+table|grant|revoke|call|prepare|execute|declare)\s+\w+.*;\s*$",
        r"^\s*(where|and|or)\s+[\w.\"]+\s*(=|<>|<|>|~|in\s*\(|is\s+(not\s+)?null)",
        r"^\s*explain\s*\(",
        r"^\s*prepare\s+\w+\s+as\b",
        r"^\s*deallocate\s+\w+\s*;?\s*$",
        r"\border\s+by\s+[\w.\"]+|\blimit\s+(\$\d|\d+\b)\s*;?\s*$",
        r"\bpg_(notify|sleep|advisory_\w+|terminate_backend)\s*\(",
        r"\$\d+::",
    )
]
_RUNS_SQL = {
    "execute", "executemany", "fetch", "fetchmany", "fetchrow", "fetchval", "prepare", "cursor", "copy_from_query",
}  # fmt: skip


def looks_like_sql(text: str) -> bool:
    """Whether a text contains SQL, complete or in part."""
    if any(pattern.search(text) for pattern in _PATTERNS):
        return True
    return len(text.split()) >= 3 and _parses(text)


def _parses(text: str) -> bool:
    try:
        return bool(parse_sql(text))
    except ParseError:
        return False


def sql_faults(path: Path, source: str, allowed: set[str]) -> list[Fault]:
    """The places with SQL text in a Python file; `allowed` are texts that only look like SQL."""
    tree = ast.parse(source)
    documentation = {id(text) for text in _documentation(tree)}
    faults = []
    for line, text in _texts(tree, documentation):
        if looks_like_sql(text) and text not in allowed:
            faults.append(Fault(path, line, f"SQL text in Python: {text.strip()[:60]!r}; put it into sql/"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _runs_text(node):
            faults.append(Fault(path, node.lineno, "this runs a text that is not a file of sql/"))
    return faults


def _runs_text(call: ast.Call) -> bool:
    is_method = isinstance(call.func, ast.Attribute) and call.func.attr in _RUNS_SQL
    return is_method and bool(call.args) and isinstance(call.args[0], ast.Constant | ast.JoinedStr | ast.BinOp)


def _documentation(tree: ast.AST) -> Iterator[ast.AST]:
    """The strings that are statements: docstrings, including those of attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _texts(tree: ast.AST, documentation: set[int]) -> Iterator[tuple[int, str]]:
    """Every text of the program, with its pieces joined as in the source: f-strings, `+`, `%`, `"".join([…])`."""
    for node in ast.walk(tree):
        if id(node) in documentation:
            continue
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
            text = _put_together(node)
            if text:
                yield getattr(node, "lineno", 1), text
        if isinstance(node, ast.List | ast.Tuple):
            pieces = [_put_together(piece) for piece in node.elts]
            if pieces and all(isinstance(piece, ast.Constant | ast.JoinedStr) for piece in node.elts):
                yield node.lineno, " ".join(pieces)


def _put_together(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bytes):
            return node.value.decode("latin-1")
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_put_together(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        # Any value can be here; a name is valid SQL in most places.
        return "x"
    if isinstance(node, ast.BinOp):
        left, right = _put_together(node.left), _put_together(node.right)
        return left + (right or "x") if left and isinstance(node.op, ast.Add) else left or right
    return ""
