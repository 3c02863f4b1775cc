"""The paragraphs and tables of a Word document, and the cells of its tables, whatever they are wrapped in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from lxml import etree

from svc.ingest.parsers.word_styles import value_of
from svc.ingest.parsers.word_text import name_of

_CELL_MOST_CHARACTERS = 2_000  # a table with longer cells lays out a page
_MOST_SPANNED = 100


def columns_of(cell: etree._Element) -> int:
    """How many columns of a table a cell covers."""
    value = value_of(cell.find("{*}tcPr/{*}gridSpan"))
    return min(int(value), _MOST_SPANNED) if value.isdigit() and 0 < len(value) < 5 and int(value) else 1


def is_covered(cell: etree._Element) -> bool:
    """Whether a cell is the continuation of the one above it."""
    merged = cell.find("{*}tcPr/{*}vMerge")
    return merged is not None and value_of(merged) != "restart"


def rows_of(cell: etree._Element, column: int, below_it: Sequence[Sequence[etree._Element]]) -> int:
    """How many rows of a table a cell in a column covers; `below_it` are the rows below."""
    if value_of(cell.find("{*}tcPr/{*}vMerge")) != "restart":
        return 1
    covered = takewhile(lambda row: any(at == column and is_covered(each) for at, each in placed(row)), below_it)
    return 1 + sum(1 for _ in covered)


def placed(row: Sequence[etree._Element]) -> Iterator[tuple[int, etree._Element]]:
    """The cells of a row, each with its column."""
    column = 0
    for cell in row:
        yield column, cell
        column += columns_of(cell)


def lays_out(cell: etree._Element) -> bool:
    """Whether a cell is a part of the page rather than of a table."""
    length = sum(len(node.text or "") for node in cell.iter("{*}t"))
    return length > _CELL_MOST_CHARACTERS or next(cell.iter("{*}altChunk"), None) is not None


def blocks(element: etree._Element) -> Iterator[etree._Element]:
    """The paragraphs, tables and inserted files below an element, but not those inside of them."""
    open_ = [iter(element)]
    while open_:
        child = next(open_[-1], None)
        if child is None:
            open_.pop()
        elif name_of(child) in ("p", "tbl", "altChunk"):
            yield child
        else:  # a wrapper, such as a content control or a tracked insertion
            open_.append(iter(child))


def below(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """The rows of a table or the cells of a row, also those in content controls and insertions."""
    for child in element:
        if name_of(child) == name:
            yield child
        elif name_of(child) in ("sdt", "sdtContent", "customXml", "ins"):
            yield from below(child, name)
