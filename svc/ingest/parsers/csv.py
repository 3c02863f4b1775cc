"""CSV tables: each row becomes text with the names of its columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from itertools import chain, islice

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.csv_rows import rows
from svc.ingest.parsers.noise import without_noise

_DELIMITERS = (",", ";", "\t", "|")
_SNIFFED_LINES = 50
_HEADER_WITHIN_ROWS = 10
_BLOCK_ROWS = 1000
_LONG_CELL_CHARACTERS = 1000
_NUMBER = re.compile(r"[\s\d.,:%€$£+/-]*")

SAMPLE = b"a,b\n1,2"


def parse(data: bytes) -> ReadDocument:
    """Return the rows, with a line `column: cell` for each cell."""
    csv.field_size_limit(2**31 - 1)
    writer = Writer()
    text, warnings = without_noise(clean_text(decode_text(data)))
    for warning in warnings:
        writer.warn(warning)
    delimiter = _sniff_delimiter(text)
    if text.startswith("sep=") and len(text) > 5:  # Excel's declaration of the delimiter
        delimiter, text = text[4], text[5:]
    read, warning = rows(text, delimiter)
    if warning:
        writer.warn(warning)
    write_rows(read, writer)
    return writer.document()


def write_rows(reader: Iterable[list[str]], writer: Writer) -> None:
    """Write the rows of a table, each with the names of its columns, which one of the first rows has."""
    reader = iter(reader)
    first = list(islice(reader, _HEADER_WITHIN_ROWS))
    header_at = _header_row(first)
    header = [] if header_at is None else [" ".join(cell.split()) for cell in first[header_at]]
    # Rows above the header are titles, which have no columns.
    writer.add("text", "\n\n".join("\n".join(filter(None, row)) for row in first[: header_at or 0] if any(row)))
    waiting: list[str] = []
    is_empty = True
    for row in chain(first if header_at is None else first[header_at + 1 :], reader):
        cells = _named_cells(header, row)
        is_empty = is_empty and not cells
        if all(len(cell) <= _LONG_CELL_CHARACTERS for _, cell in cells):
            waiting.append("\n".join(f"{name}: {cell}" for name, cell in cells))
            if len(waiting) < _BLOCK_ROWS:
                continue
        writer.add("records", "\n\n".join(filter(None, waiting)))
        waiting.clear()
        if any(len(cell) > _LONG_CELL_CHARACTERS for _, cell in cells):
            _write_long_row(cells, writer)
    writer.add("records", "\n\n".join(filter(None, waiting)))
    if is_empty:
        writer.add("text", ", ".join(filter(None, header)))


def _write_long_row(cells: list[tuple[str, str]], writer: Writer) -> None:
    """Write each long cell as a block, which repeats the short cells and the name of its column where it is cut."""
    short = "".join(f"{name}: {cell}\n" for name, cell in cells if len(cell) <= _LONG_CELL_CHARACTERS)
    for name, cell in cells:
        if len(cell) > _LONG_CELL_CHARACTERS:
            head = f"{short}{name}:"
            writer.add("table", f"{head} {cell}", head=len(head))


def _named_cells(header: list[str], row: list[str]) -> list[tuple[str, str]]:
    """The cells of a row that are not blank, each with the name of its column."""
    names = header if len(row) <= len(header) else header + [""] * (len(row) - len(header))
    return [
        (name or f"column {number}", words)
        for number, (name, cell) in enumerate(zip(names, row, strict=False), 1)
        if (words := cell.strip())
    ]


def _sniff_delimiter(text: str) -> str:
    """The delimiter that splits most of the first lines into the same number of cells; a comma if none does."""
    best, best_score = ",", (0, 0)
    for delimiter in _DELIMITERS:
        read, _ = rows(text[:100_000], delimiter)
        widths = [len(row) for row in islice(read, _SNIFFED_LINES) if row]
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
