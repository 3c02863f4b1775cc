"""The paragraphs and tables of a Word document, and the cells of its tables, whatever they are wrapped in."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from svc.ingest.parsers.word_styles import value_of
from svc.ingest.parsers.word_text import name_of

_CELL_MOST_CHARACTERS = 2_000  # a table with longer cells lays out a page
_MOST_SPANNED = 100


def columns_of(cell: etree._Element) -> int:
    """How many columns of a table a cell covers."""
    value = value_of(cell.find("{*}tcPr/{*}gridSpan"))
    return min(int(value), _MOST_SPANNED) if value.isdigit() and 0 < len(value) < 5 and int(value) else 1


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
