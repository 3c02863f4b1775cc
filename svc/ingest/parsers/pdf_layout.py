"""Finds the columns and the tables of a page by the white space between its texts.

A column of running text and a table look alike: both are divided by gutters, upright strips without text. The cells of
a table are short in at least one column, and the lines of running text are long in all.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import NamedTuple

from svc.ingest.parsers.pdf_lines import Interval, Line, common, lines_of, union
from svc.ingest.parsers.pdf_objects import Box

_MOST_TEXTS = 5_000  # of one page; more are single letters of a drawing or of an old program
# All lengths are multiples of the usual height of a letter, about 0.7 of the font's size.
_GUTTER = 1.3
_GUTTER_OF_FEW_LINES = 2.5
_FEW_LINES = 6
_LONG_LINE = 9.0
_BULLET = 3.0  # the widest column of line numbers
_INDENT = 5.0
_NEXT_ROW = 2.2
_APART = 3.0
_WRAPPED = 1.0
_RULED_SHARE = 3
_RULED_WIDTH = 0.6
_MOST_RULES = 1_000
_LINE_OF_PAGE = 25.0
_BALANCED = 1.6
_DEEPEST = 2
_MOST_COLUMNS_OF_TEXT = 4
_LEAST_LINES_OF_TEXT = 3

Row = list[Box | None]


class Region(NamedTuple):
    """A part of a page: running text in `box`, or a table if it has `rows`, each with a box or None for each cell."""

    box: Box
    rows: list[Row]
    columns: list[float]  # where the columns of a table begin


def regions(texts: list[Box], rules: list[Box]) -> list[Region]:
    """Return the parts of a page in the order of reading; none if it is one column without tables.

    `rules` are the drawn lines: where there is one below most lines of text, it is a table.
    """
    found = _regions(texts, rules[:_MOST_RULES], 0)
    return found if any(region.rows for region in found) or _is_divided(found) else []


def _regions(texts: list[Box], rules: list[Box], depth: int) -> list[Region]:
    texts = [box for box in texts if box.right > box.left and box.top > box.bottom]
    if not 0 < len(texts) <= _MOST_TEXTS:
        return []
    height = median(box.top - box.bottom for box in texts)
    if sum(box.top - box.bottom > 3 * max(height, box.right - box.left) for box in texts) * 5 > len(texts):
        return []  # most of it is upright
    lines = lines_of(texts, height)
    if depth == 0 and _is_one_column(lines, height):
        return []
    found: list[Region] = []
    for part in _bands(lines, height, is_page=True):
        sides = part.sides(rules) if depth < _DEEPEST else None
        for side in sides or ():
            found += _regions(side, rules, depth + 1)
        for band in _bands(part.lines, height) if sides is None else ():
            found += band.regions(rules)
    return found


def _is_one_column(lines: list[Line], height: float) -> bool:
    """Whether one vertical line crosses all lines, and none has a gap. This check is fast, and true for most pages."""
    if max(line.box.left for line in lines) >= min(line.box.right for line in lines):
        return False
    return not any(
        right.left - left.right >= _GUTTER * height for line in lines for left, right in pairwise(line.texts)
    )


def _is_divided(found: list[Region]) -> bool:
    """Whether two parts of a page are side by side."""
    return any(a.box.bottom < b.box.top and b.box.bottom < a.box.top for a, b in pairwise(found))


def _bands(lines: list[Line], height: float, *, is_page: bool = False) -> list[_Band]:
    """Divide a page into bands, one above the other, each with as many lines as the same gutters go through.

    If `is_page`, one gutter is enough: that between the columns of the page, whatever is in them.
    """
    bands: list[_Band] = []
    for above, line in zip([None, *lines], lines, strict=False):
        # The first and the last line are often a header and a footer.
        is_apart = above is not None and above.box.bottom - line.box.top > _APART * height
        is_at_edge = is_apart and (line is lines[-1] or above is lines[0])
        if not bands or is_at_edge or not bands[-1].takes(line, is_page=is_page):
            bands.append(_Band(line, height))
    return bands


class _Band:
    """Lines below each other."""

    def __init__(self, line: Line, height: float) -> None:
        self._height = height
        self.lines = [line]
        self._free = line.free
        self._box = line.box
        self._gutters = self._interior(line.free, line.box)
        self._rows_of: tuple[list[Interval], int] = ([], 0)
        self._all_rows: list[Row] = []

    def takes(self, line: Line, *, is_page: bool) -> bool:
        """Append the next line if the gutters continue through it, or there is none in either; return whether."""
        free, box = common(self._free, line.free), union([self._box, line.box])
        gutters = self._interior(free, box)
        if not self._gutters:
            is_taken = not gutters and not self._interior(line.free, line.box)
        else:
            is_taken = bool(gutters) and (is_page or not self._ends_at(line, gutters))
        if is_taken:
            self.lines.append(line)
            self._free, self._box, self._gutters = free, box, gutters
        return is_taken

    def _ends_at(self, line: Line, gutters: list[Interval]) -> bool:
        """Whether a line is no row of the table, although the gutters `gutters` go through it."""
        if len(gutters) < len(self._gutters) and len(self.lines) >= _LEAST_LINES_OF_TEXT:
            return True
        if self.lines[-1].box.bottom - line.box.top <= _NEXT_ROW * self._height:
            return False
        is_one_cell = sum(cell is not None for cell in self._cells(line, gutters)) == 1
        return is_one_cell and not self._is_text()

    def regions(self, rules: list[Box]) -> list[Region]:
        """The columns from left to right, or the table, or the whole band."""
        if not self._gutters:
            return [Region(self._box, [], [])]
        several = [
            line
            for line, row in zip(self.lines, self._all_cells(), strict=True)
            if sum(cell is not None for cell in row) > 1
        ]
        if len(several) < _FEW_LINES:
            self._gutters = [each for each in self._gutters if each[1] - each[0] >= _GUTTER_OF_FEW_LINES * self._height]
        whole = Region(self._box, [], [])
        if not self._gutters or len(several) < 2:
            return [whole]
        columns = self._columns()
        width = max(box.right - box.left for box in columns[0])
        gap = self._gutters[0][1] - self._gutters[0][0]
        if len(columns) == 2 and width < _BULLET * self._height and gap < _INDENT * self._height:
            return [whole]
        if self._is_text() and not self._is_ruled(rules):
            return [Region(union(column), [], []) for column in columns]
        above = [line for line in self.lines[:1] if line is not several[0]]
        rows = self._rows(len(above))
        if sum(cell is not None for row in rows for cell in row) * 2 < len(rows) * len(columns):
            return [whole]  # the words of a figure
        starts = [union(column).left for column in columns]
        title = [Region(above[0].box, [], [])] if above else []
        return [*title, Region(union([line.box for line in self.lines[len(above) :]]), rows, starts)]

    def sides(self, rules: list[Box]) -> tuple[list[Box], list[Box]] | None:
        """The texts on both sides of the gutter of a page in two columns, whatever is in one of them; else None."""
        if len(self.lines) < _FEW_LINES or self._is_ruled(rules):
            return None
        for start, end in self._gutters:
            widths = (start - self._box.left, self._box.right - end)
            sides = (
                [[box for box in line.texts if box.left < start] for line in self.lines],
                [[box for box in line.texts if box.left >= end] for line in self.lines],
            )
            if min(widths) * _BALANCED > max(widths) and any(map(self._is_long_text, sides)):
                left, right = ([box for line in side for box in line] for side in sides)
                return left, right
        return None

    def _is_long_text(self, lines: list[list[Box]]) -> bool:
        widths = [union(line).right - union(line).left for line in lines if line]
        return len(widths) >= _FEW_LINES and median(widths) >= _LINE_OF_PAGE * self._height

    def _is_text(self) -> bool:
        columns = self._columns()
        if not 1 < len(columns) <= _MOST_COLUMNS_OF_TEXT:
            return False
        if not all(median(box.right - box.left for box in column) >= _LONG_LINE * self._height for column in columns):
            return False
        if min(map(len, columns)) >= _LEAST_LINES_OF_TEXT:
            return True
        # Two boxes of text and two rows of a table differ in the order in which they were written.
        return all(
            max(box.order for box in left) < min(box.order for box in right) for left, right in pairwise(columns)
        )

    def _is_ruled(self, rules: list[Box]) -> bool:
        """Whether drawn lines go from end to end between the lines of text."""
        width = self._box.right - self._box.left
        near = [rule for rule in rules if rule.top > self._box.bottom and rule.bottom < self._box.top]
        if not near:
            return False
        ruled = 0
        for above, below in pairwise(self.lines):
            ends = (below.box.top, above.box.bottom)
            low, high = min(ends) - 1, max(ends) + 1
            drawn = sum(
                min(rule.right, self._box.right) - max(rule.left, self._box.left)
                for rule in near
                if low <= rule.bottom <= high or low <= rule.top <= high
            )
            ruled += drawn > _RULED_WIDTH * width
        return ruled * _RULED_SHARE >= len(self.lines) - 1 > 0

    def _columns(self) -> list[list[Box]]:
        """The lines of each column."""
        return [[cell for cell in column if cell is not None] for column in zip(*self._all_cells(), strict=True)]

    def _all_cells(self) -> list[Row]:
        """The cells of all lines, which are cached, since they are needed repeatedly while a band grows."""
        if self._rows_of != (self._gutters, len(self.lines)):
            self._rows_of = (self._gutters, len(self.lines))
            self._all_rows = [self._cells(line, self._gutters) for line in self.lines]
        return self._all_rows

    def _rows(self, first: int) -> list[Row]:
        """The rows of a table; a line with nothing but the rest of one cell belongs to the row above."""
        rows: list[Row] = []
        last = self.lines[first]
        for line, of_line in zip(self.lines[first:], self._all_cells()[first:], strict=True):
            cells = list(of_line)
            filled = [index for index, cell in enumerate(cells) if cell is not None]
            is_rest = filled != [0] and len(filled) == 1 and last.box.bottom - line.box.top < _WRAPPED * self._height
            if rows and is_rest and rows[-1][filled[0]] is not None:
                above, rest = rows[-1][filled[0]], cells[filled[0]]
                assert above is not None
                assert rest is not None
                rows[-1][filled[0]] = union([above, rest])
            else:
                rows.append(cells)
            last = line
        return rows

    def _cells(self, line: Line, gutters: list[Interval]) -> Row:
        cells: list[list[Box]] = [[] for _ in range(len(gutters) + 1)]
        column = 0
        for box in line.texts:
            while column < len(gutters) and gutters[column][0] <= box.left:
                column += 1
            cells[column].append(box)
        return [union(cell) if cell else None for cell in cells]

    def _interior(self, free: list[Interval], box: Box) -> list[Interval]:
        left, right, least = box.left, box.right, _GUTTER * self._height
        return [(start, end) for start, end in free if end - start >= least and start >= left and end <= right]
