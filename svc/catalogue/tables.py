"""The tables of a statement: those that it reads and those that it writes, found in its text.

Enough for the SQL of this project, whose style is checked, and without a server or a parser; the tests compare what is
found with the parse tree of every file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r"'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_]*|\d[\d.]*|\S")
_WORD = re.compile(r"[a-z_][a-z0-9_]*$")
# What may stand between the word that announces a table and its name.
_FILLERS = frozenset({"only", "if", "not", "exists", "concurrently"})
# `for update`, `for no key update of` and `do update set` write no table of their own.
_NO_UPDATE = frozenset({"for", "key", "do"})


@dataclass(frozen=True)
class TablesUsed:
    """Names of tables in alphabetical order; one that a statement both reads and writes is in both."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Each of them once."""
        return tuple(sorted({*self.reads, *self.writes}))

    def __str__(self) -> str:
        """All of them, with a star behind those that are written."""
        return ", ".join(f"{name}*" if name in self.writes else name for name in self.all)


def tables_used(body: str) -> TablesUsed:
    """The tables of a statement without its header; the names of its own `with` parts are none."""
    tokens = _TOKEN.findall(body.lower())
    parts = {
        tokens[i]
        for i in range(len(tokens) - 2)
        if tokens[i + 1] == "as" and tokens[i + 2] in ("(", "materialized", "not") and tokens[i - 1] in ("with", ",")
    }
    found = [(name, is_written) for name, is_written in _announced(tokens) if name not in parts]
    return TablesUsed(
        tuple(sorted({name for name, is_written in found if not is_written})),
        tuple(sorted({name for name, is_written in found if is_written})),
    )


def _announced(tokens: list[str]) -> Iterator[tuple[str, bool]]:
    """Names that stand where a table's does, and whether it is written there."""
    kind = tokens[0] if tokens else ""
    if kind in ("grant", "revoke"):
        # Rights on a table are the table's; those on a schema or a database are none of ours.
        yield from _names_at(tokens, tokens.index("on") + 1, is_written=True)
        return
    is_ddl = kind in ("create", "alter", "drop")
    for i, word in enumerate(tokens):
        before, after = tokens[i - 1] if i else "", i + 1
        if (
            word in ("into", "copy")
            or (word == "update" and before not in _NO_UPDATE)
            or (word == "from" and before == "delete")
        ):
            yield from _name_at(tokens, after)
        elif word == "references" or (word in ("from", "join", "using") and before != "distinct"):
            yield from _names_at(tokens, after, is_written=False, is_key=word == "references")
        elif is_ddl and (word == "table" or (word == "on" and "index" in tokens[:i])):
            yield from _name_at(tokens, after)
        elif kind == "vacuum" and word == ")":
            yield from _names_at(tokens, after, is_written=True)


def _name_at(tokens: list[str], i: int) -> Iterator[tuple[str, bool]]:
    """The one table that is written."""
    while i < len(tokens) and tokens[i] in _FILLERS:
        i += 1
    if i < len(tokens) and _WORD.match(tokens[i]):
        yield tokens[i], True


def _names_at(tokens: list[str], i: int, *, is_written: bool, is_key: bool = False) -> Iterator[tuple[str, bool]]:
    """The tables of a list such as `documents as d, chunks as c`; functions and columns are none."""
    while i < len(tokens) and _WORD.match(tokens[i]):
        following = tokens[i + 1] if i + 1 < len(tokens) else ";"
        if following in (".", ":") or tokens[i] in ("lateral", "stdin") or (following == "(" and not is_key):
            return
        yield tokens[i], is_written
        i += 3 if following == "as" else 1
        if i >= len(tokens) or tokens[i] != ",":
            return
        i += 1
