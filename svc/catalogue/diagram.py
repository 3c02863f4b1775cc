"""The layout of a diagram of tables and foreign keys; a referencing table is to the right of the referenced one.

It computes positions and curves; the page draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from svc.catalogue.schema import Table

# In pixels.
_WIDTH = 210
_LINE = 16
_HEAD = 26
_FOOT = 8
_GAP_X = 64
_GAP_Y = 18
_MARGIN = 12
# Rounds in which the tables of a column move towards the tables that they reference.
_ROUNDS = 6


@dataclass(frozen=True)
class Box:
    """A table: its upper left corner, its size, and its lines: the columns of its keys, and the number of other
    columns."""

    table: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Edge:
    """A foreign key, as an SVG path from the referencing table to the referenced table."""

    source: str
    target: str
    label: str
    path: str


@dataclass(frozen=True)
class Diagram:
    """Everything on a canvas of this size."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


def draw(tables: Sequence[Table]) -> Diagram:
    """Lay the tables out in columns by their distance from the first; those without foreign keys are at the end."""
    parents = {
        table.name: sorted({key.referenced_table for key in table.foreign_keys} - {table.name}) for table in tables
    }
    referred = {parent for those in parents.values() for parent in those}
    lonely = [name for name in sorted(parents) if not parents[name] and name not in referred]
    ranks = {name: _rank(name, parents) for name in sorted(parents) if name not in lonely}
    columns = [[name for name in ranks if ranks[name] == rank] for rank in range(max(ranks.values(), default=-1) + 1)]
    if lonely:
        columns.append(lonely)
    lines = {table.name: _lines(table) for table in tables}
    boxes = _boxes(_ordered(columns, parents), lines)
    edges = [
        Edge(table.name, key.referenced_table, key.definition, _curve(boxes[table.name], boxes[key.referenced_table]))
        for table in tables
        for key in table.foreign_keys
        if key.referenced_table != table.name and key.referenced_table in boxes
    ]
    width = max((box.x + box.width for box in boxes.values()), default=0) + _MARGIN
    height = max((box.y + box.height for box in boxes.values()), default=0) + _MARGIN
    return Diagram(width, height, tuple(boxes.values()), tuple(edges))


def _rank(name: str, parents: Mapping[str, Sequence[str]], below: frozenset[str] = frozenset()) -> int:
    """The longest path from a table that references no other; a cycle is cut where it closes."""
    seen = below | {name}
    return max((_rank(one, parents, seen) + 1 for one in parents.get(name, ()) if one not in seen), default=0)


def _lines(table: Table) -> tuple[tuple[str, bool], ...]:
    of_keys = {column for key in table.foreign_keys for column in key.columns}
    shown = [column for column in table.columns if column.is_key or column.name in of_keys]
    lines = [(f"{column.name} {column.type}", column.is_key) for column in shown]
    rest = len(table.columns) - len(shown)
    return (*lines, (f"and {rest} more", False)) if rest else tuple(lines)


def _ordered(columns: list[list[str]], parents: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The same columns, with each table near the height of its linked tables, so that few curves cross."""
    children: dict[str, list[str]] = {}
    for name, those in parents.items():
        for parent in those:
            children.setdefault(parent, []).append(name)
    for number in range(_ROUNDS):
        heights = {name: i / max(1, len(column)) for column in columns for i, name in enumerate(column)}
        neighbours = parents if number % 2 == 0 else children

        def height(
            name: str, heights: Mapping[str, float] = heights, tied: Mapping[str, Sequence[str]] = neighbours
        ) -> float:
            others = [heights[one] for one in tied.get(name, ()) if one in heights]
            return sum(others) / len(others) if others else heights[name]

        columns = [sorted(column, key=height) for column in columns]
    return columns


def _boxes(columns: list[list[str]], lines: Mapping[str, tuple[tuple[str, bool], ...]]) -> dict[str, Box]:
    tall = {name: _HEAD + _LINE * len(lines[name]) + _FOOT for column in columns for name in column}
    heights = [sum(tall[name] + _GAP_Y for name in column) - _GAP_Y for column in columns]
    boxes = {}
    for number, column in enumerate(columns):
        y = _MARGIN + (max(heights) - heights[number]) / 2
        for name in column:
            boxes[name] = Box(name, _MARGIN + number * (_WIDTH + _GAP_X), y, _WIDTH, tall[name], lines[name])
            y += tall[name] + _GAP_Y
    return boxes


def _curve(source: Box, target: Box) -> str:
    """From the left side of the referencing table to the right side of the other."""
    start_x, start_y = source.x, source.y + _HEAD / 2
    end_x, end_y = target.x + target.width, target.y + _HEAD / 2
    bend = (start_x - end_x) / 2
    return (
        f"M{start_x:.1f},{start_y:.1f} C{start_x - bend:.1f},{start_y:.1f} "
        f"{end_x + bend:.1f},{end_y:.1f} {end_x:.1f},{end_y:.1f}"
    )
