"""A filter as a tree of comparisons, after it has been read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "exists", "prefix"]
OPERATORS: tuple[Operator, ...] = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "exists", "prefix")
ORDERS = ("gt", "gte", "lt", "lte")
NEGATED: dict[Operator, Operator] = {"ne": "eq", "nin": "in"}
"""The operators that negate another one: items without a value for the key match them."""

Scalar = str | int | float | bool | None
Value = Scalar | datetime


@dataclass(frozen=True)
class Path:
    """The path of a value in the metadata: the names of the members that lead to it."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A field of the item itself, such as `filename`."""

    name: str


@dataclass(frozen=True)
class Comparison:
    """One comparison. `values` has one value, except for `in` and `nin`; for `exists` it is True or False."""

    operator: Operator
    key: Path | Column
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Group:
    """Several filters: all (`and`) or at least one (`or`) must match."""

    kind: Literal["and", "or"]
    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Negation:
    """A filter that must not match."""

    part: Tree


Tree = Comparison | Group | Negation
