"""OpenDocument spreadsheets (.ods): each row with the names of its columns, sheet by sheet."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from xml.parsers import expat

from lxml import etree

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.addresses import Addresses
from svc.ingest.parsers.csv import write_rows
from svc.ingest.parsers.office import Package, packed
from svc.ingest.parsers.opendocument import Body, attribute, inline_text, is_drawing, name_of, open_content

_MOST_COLUMNS = 1_000
_MOST_REPEATED = 100
_MOST_DRAWINGS = 10_000
_NUMBERS = ("float", "currency", "percentage")

SAMPLE = packed({
    "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
    "content.xml": "<d><body><spreadsheet><table/></spreadsheet></body></d>",
})  # fmt: skip


def parse(data: bytes) -> ReadDocument:
    """Return the rows of each sheet, a line `column: cell` for each cell (`sheet`)."""
    package, content = open_content("ods", data)
    writer = Writer()
    body = Body(package, writer, set())
    sheets = _Sheets(_intact(package, content), writer, body.addresses)
    while (name := sheets.next_sheet()) is not None:
        writer.place = {"sheet": name}
        writer.add("heading", name, level=1)
        write_rows(sheets.rows(), writer)
        body.write(sheets.taken_drawings())
    writer.place = {}
    body.finish()
    return writer.document()


def _intact(package: Package, content: bytes) -> bytes:
    """The main part, repaired if its XML is broken. Only its syntax is looked at, which takes no memory."""
    try:
        expat.ParserCreate().Parse(content, True)
    except expat.ExpatError:
        root = package.xml_of("content.xml", content)
        return content if root is None else etree.tostring(root)
    return content


class _Sheets:
    """Reads one row after the other, since the tree of a large sheet would not fit into memory."""

    def __init__(self, content: bytes, writer: Writer, addresses: Addresses) -> None:
        self._writer = writer
        self._addresses = addresses
        self._drawings = etree.Element("shapes")
        self._events = etree.iterparse(
            io.BytesIO(content), events=("start", "end"), tag=("{*}table", "{*}table-row", "{*}shapes"),
            resolve_entities=False, no_network=True, huge_tree=True,
        )  # fmt: skip

    def next_sheet(self) -> str | None:
        for event, element in self._events:
            if event == "start" and name_of(element) == "table":
                return attribute(element, "name") or "Sheet"
        return None

    def rows(self) -> Iterator[list[str]]:
        """The rows up to the end of the sheet."""
        for event, element in self._events:
            if event == "start":
                continue
            if name_of(element) == "table":
                return
            self._take_drawings(element)
            if name_of(element) == "shapes":
                continue
            cells = _cells(element, self._addresses)
            repeated = _count(element, "number-rows-repeated")
            if any(cells):
                if repeated > _MOST_REPEATED:
                    self._writer.warn(f"A row that is repeated {repeated} times was read {_MOST_REPEATED} times.")
                for _ in range(min(repeated, _MOST_REPEATED)):
                    yield cells
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]

    def taken_drawings(self) -> etree._Element:
        """The drawings on the sheet that was read last."""
        drawings, self._drawings = self._drawings, etree.Element("shapes")
        return drawings

    def _take_drawings(self, element: etree._Element) -> None:
        """Take the drawings out of a row, since its elements are forgotten when it has been read."""
        for place in [element, *element] if name_of(element) == "table-row" else [element]:
            for drawing in [each for each in place if is_drawing(each)]:
                if len(self._drawings) < _MOST_DRAWINGS:
                    drawing.tail = None
                    self._drawings.append(drawing)


def _cells(row: etree._Element, addresses: Addresses) -> list[str]:
    cells: list[str] = []
    for cell in row.iterchildren("{*}table-cell", "{*}covered-table-cell"):
        text = "\n".join(inline_text(each, addresses) for each in cell.iterchildren("{*}p")).strip() or _value(cell)
        for note in cell.iterchildren("{*}annotation"):
            words = " ".join(inline_text(each) for each in note.iterchildren("{*}p"))
            text = f"{text} (Comment: {words})".strip()
        cells += [text] * min(_count(cell, "number-columns-repeated"), _MOST_COLUMNS - len(cells))
        if len(cells) >= _MOST_COLUMNS:
            break
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _value(cell: etree._Element) -> str:
    """The value of a cell whose text a program has not written."""
    given = {key.rpartition("}")[2]: value for key, value in cell.items()}
    kind = given.get("value-type") or ""
    if kind == "percentage":
        with contextlib.suppress(ValueError):
            return f"{float(given.get('value') or '') * 100:.15g}%"
    text = given.get(f"{kind}-value" if kind not in _NUMBERS else "value") or ""
    return f"{text} {given['currency']}" if text and given.get("currency") else text


def _count(element: etree._Element, name: str) -> int:
    value = attribute(element, name) or "1"
    return int(value) if value.isdigit() and len(value) < 9 else 1
