"""The rows of a CSV table, in which an unclosed quotation mark does not swallow the rows below it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

_MARK = "\x01"  # which a clean text has not
_CLOSED = re.compile(r'(?>[^"]++|"")*+"[ \t]*')
_MOST_UNCLOSED = 1_000
_MOST_NAMED = 5


def rows(text: str, delimiter: str) -> tuple[Iterator[list[str]], str]:
    """Return the rows of a clean text, and a warning about quotation marks that are read as ordinary characters."""
    unclosed = _unclosed(text, delimiter)
    if not unclosed:
        return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), ""
    parts = [
        text[start:end] for start, end in zip([0, *(at + 1 for at in unclosed)], [*unclosed, len(text)], strict=True)
    ]
    reader = csv.reader(io.StringIO(_MARK.join(parts), newline=""), delimiter=delimiter)
    return ([cell.replace(_MARK, '"') for cell in row] for row in reader), _warning(text, unclosed)


def _unclosed(text: str, delimiter: str) -> list[int]:
    """The positions of quotation marks that open a cell and are not closed.

    That is so if there is no other one, or if the next one, on another line, stands before something else than the end
    of a cell, since it opens one.
    """
    mark = re.escape(delimiter)
    whole_cells = re.compile(rf'(?>(?:"(?>[^"]++|"")*+"[ \t]*+|[^"{mark}\n][^{mark}\n]*+|)[{mark}\n])*+')
    end_of_cell = re.compile(rf"[{mark}\n]|\Z")
    found: list[int] = []
    at = 0
    while len(found) < _MOST_UNCLOSED and (at := whole_cells.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        following = at + 1
        if text[at] == '"':
            closed = _CLOSED.match(text, following)
            if closed is None or (closed.end() < len(text) and "\n" in closed.group()):
                found.append(at)
            else:  # the last cell, or `"a" b`, which continues without quotation marks
                following = closed.end()
        at = end_of_cell.search(text, following).end()  # type: ignore[union-attr]
    return found


def _warning(text: str, unclosed: list[int]) -> str:
    lines = [text.count("\n", 0, at) + 1 for at in unclosed[:_MOST_NAMED]]
    if len(unclosed) == 1:
        return f"The quotation mark on line {lines[0]} is not closed, so it was read as any other character."
    more = ", …" if len(unclosed) > _MOST_NAMED else ""
    shown = ", ".join(map(str, lines))
    return f"The quotation marks on lines {shown}{more} are not closed, so they were read as any other character."
