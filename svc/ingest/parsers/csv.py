"""CSV tables: each row becomes text with the names of its columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from svc.ingest.parsers.characters import clean_text, decode_text

_DELIMITERS = (",", ";", "\t", "|")
_SNIFFED_LINES = 50
_HEADER_WITHIN_ROWS = 10
_SEGMENT_ROWS = 1000
_NUMBER = re.compile(r"[\s\d.,:%€$£+/-]*")


def parse_csv(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows, a thousand in each piece, with a line `column: cell` for each cell."""
    csv.field_size_limit(2**31 - 1)
    text = clean_text(decode_text(data))
    delimiter = _sniff_delimiter(text)
    if text.startswith("sep=") and len(text) > 5:  # Excel's declaration of the delimiter
        delimiter, text = text[4], text[5:]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    first = list(islice(reader, _HEADER_WITHIN_ROWS))
    header_at = _header_row(first)
    header = [] if header_at is None else [" ".join(cell.split()) for cell in first[header_at]]
    # Rows above the header are titles, which have no columns.
    titles = ["\n".join(filter(None, row)) for row in first[: header_at or 0]]
    rows = chain(first if header_at is None else first[header_at + 1 :], reader)
    is_empty = True
    while batch := list(islice(rows, _SEGMENT_ROWS)):
        described = titles + [_describe_row(header, row) for row in batch]
        yield "\n\n".join(filter(None, described)), {}
        titles, is_empty = [], False
    if is_empty:
        yield "\n\n".join(filter(None, [*titles, ", ".join(filter(None, header))])), {}


def _describe_row(header: list[str], row: list[str]) -> str:
    """Returns one line for each cell of a row that is not blank, with the name of its column."""
    names = header + [""] * (len(row) - len(header))
    return "\n".join(
        f"{name or f'column {number}'}: {cell.strip()}"
        for number, (name, cell) in enumerate(zip(names, row, strict=False), 1)
        if cell.strip()
    )


def _sniff_delimiter(text: str) -> str:
    """The delimiter that splits most of the first lines into the same number of cells; a comma if none does."""
    best, best_score = ",", (0, 0)
    for delimiter in _DELIMITERS:
        lines = io.StringIO(text[:100_000], newline="")
        widths = [len(row) for row in islice(csv.reader(lines, delimiter=delimiter), _SNIFFED_LINES) if row]
        usual = max(set(widths), key=widths.count, default=1)
        score = (widths.count(usual), usual)
        if usual > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def _header_row(rows: list[list[str]]) -> int | None:
    """The index of the row that names the columns: only words, and in at least two cells if any row has two."""
    filled = [[cell for cell in row if cell.strip()] for row in rows]
    least = min(2, max(map(len, filled), default=0))
    for number, cells in enumerate(filled):
        if not cells:
            continue
        if len(cells) >= least and not any(_NUMBER.fullmatch(cell) for cell in cells):
            return number
        if len(cells) > 1:
            return None  # the data has begun
    return None
