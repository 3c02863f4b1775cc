"""The lines of a page, the white space in them, and rectangles around several texts."""

from __future__ import annotations

from typing import NamedTuple

from svc.ingest.parsers.pdf_objects import Box

_SAME_LINE = 0.6  # of the usual height of a letter

Interval = tuple[float, float]


class Line(NamedTuple):
    """Texts side by side, from left to right, and the rectangle around them."""

    texts: list[Box]
    box: Box
    free: list[Interval]  # where it has no text, from end to end


def lines_of(texts: list[Box], height: float) -> list[Line]:
    """The lines of a page from top to bottom. `height` is the usual one of a letter."""
    lines: list[list[Box]] = []
    middle = 0.0
    for box in sorted(texts, key=lambda box: -(box.top + box.bottom)):
        here = (box.top + box.bottom) / 2
        if lines and middle - here < _SAME_LINE * height:
            lines[-1].append(box)
        else:
            lines.append([box])
            middle = here
    return [Line(texts, union(texts), _free(texts)) for texts in map(sorted, lines)]


def _free(texts: list[Box]) -> list[Interval]:
    """The intervals of a line without text, from end to end."""
    found: list[Interval] = []
    at = float("-inf")
    for box in texts:
        if box.left > at:
            found.append((at, box.left))
        at = max(at, box.right)
    return [*found, (at, float("inf"))]


def common(left: list[Interval], right: list[Interval]) -> list[Interval]:
    """The intersection of two ordered lists of intervals."""
    found: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = left[i]
        other_start, other_end = right[j]
        if end < other_end:
            i += 1
        else:
            end = other_end
            j += 1
        start = max(start, other_start)
        if start < end:
            found.append((start, end))
    return found


def union(boxes: list[Box]) -> Box:
    """The rectangle around others, with the least of their orders."""
    if len(boxes) == 1:
        return boxes[0]
    lefts, bottoms, rights, tops, orders = zip(*boxes, strict=True)
    return Box(min(lefts), min(bottoms), max(rights), max(tops), min(orders))
