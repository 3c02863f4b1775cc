"""Tables whose cells cover several rows or columns."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_COLUMNS = 1_000

Cell = tuple[str, int, int]
"""The text of a cell, and how many columns and rows it covers."""


def spread(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """The texts of the cells, each in its column: repeated in the rows that it covers, followed by blank cells."""
    spread_rows: list[list[str]] = []
    waiting: dict[int, tuple[str, int]] = {}  # by the column: the text of a cell above, and the rows it still covers
    for row in rows:
        if not row:
            continue
        texts: list[str] = []
        following: dict[int, tuple[str, int]] = {}
        cells = iter(row)
        cell = next(cells, None)
        while (cell is not None or len(texts) in waiting) and len(texts) < _MOST_COLUMNS:
            column = len(texts)
            if column in waiting:
                text, left = waiting[column]
                texts.append(text)
                if left > 1:
                    following[column] = (text, left - 1)
                continue
            assert cell is not None
            text, columns, covered = cell
            for number in range(columns):
                if covered > 1:
                    following[column + number] = (text if not number else "", covered - 1)
                texts.append(text if not number else "")
            cell = next(cells, None)
        waiting = following
        spread_rows.append(texts)
    return spread_rows
