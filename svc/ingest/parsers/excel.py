"""Excel workbooks (.xlsx): sheet by sheet, each row with the names of its columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from xml.parsers import expat

from lxml import etree

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.charts import write_chart
from svc.ingest.parsers.csv import write_rows
from svc.ingest.parsers.drawing_text import drawing_texts
from svc.ingest.parsers.excel_rows import Cell, read_rows
from svc.ingest.parsers.excel_values import EPOCH, EPOCH_1904, shown_date, shown_number
from svc.ingest.parsers.office import Package, packed, relationship_id
from svc.ingest.parsers.rejections import damaged

_MOST_COLUMNS = 16_384
_NO_MEMORY = 1  # of expat
_MOST_GAP_COLUMNS = 64  # a cell further to the right follows the one before it
_LONGEST_COLUMN = 3
_DATE_FORMATS = {*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)}
_DATE_CODE = re.compile(r"[ymdhs]", re.IGNORECASE)
_NOT_A_CODE = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')


def parse(data: bytes) -> ReadDocument:
    """Return the sheets in their order, with the names of the columns in each row (`sheet`)."""
    package = Package("xlsx", data)
    main = package.main_part or "xl/workbook.xml"
    workbook = package.xml(main)
    if workbook is None:
        raise damaged("xlsx", "its main part is missing or damaged")
    writer = Writer()
    book = _Workbook(package, main, workbook)
    hidden = []
    for sheet in workbook.iterfind("{*}sheets/{*}sheet"):
        name = sheet.get("name") or "sheet"
        writer.place = {"sheet": name}
        if (sheet.get("state") or "visible") != "visible":
            hidden.append(name)
            continue
        book.write_sheet(relationship_id(sheet) or "", name, writer)
    writer.place = {}
    if hidden:
        writer.warn(f"Hidden sheets were not read: {', '.join(hidden)}.")
    if package.damaged:
        writer.warn(f"Not read, because they are damaged: {', '.join(sorted(set(package.damaged)))}.")
    return writer.document()


class _Workbook:
    def __init__(self, package: Package, main: str, workbook: etree._Element) -> None:
        self._package = package
        self._parts = {each.id: each.part for each in package.relationships(main)}
        kinds = {each.kind: each.part for each in package.relationships(main)}
        self._strings = _shared_strings(package.xml(kinds.get("sharedStrings", "")))
        self._dates = _date_styles(package.xml(kinds.get("styles", "")))
        properties = workbook.find("{*}workbookPr")
        is_1904 = properties is not None and (properties.get("date1904") or "") in ("1", "true")
        self._epoch = EPOCH_1904 if is_1904 else EPOCH

    def write_sheet(self, identifier: str, name: str, writer: Writer) -> None:
        """Write the cells of a sheet, then the comments and charts on it."""
        part = self._parts.get(identifier)
        data = self._package.read(part) if part else None
        if part is None or data is None:
            writer.warn(f"The sheet {name} was not read: its part is missing or damaged.")
            return
        writer.add("heading", name, level=1)
        try:
            write_rows(self._rows(data), writer)
        except expat.ExpatError as error:
            if error.code == _NO_MEMORY:
                raise MemoryError from error
            writer.warn(f"The sheet {name} is damaged and was read in part.")
        for related in self._package.relationships(part):
            if related.kind in ("comments", "threadedComment"):
                self._write_comments(related.part, writer)
            elif related.kind == "drawing":
                self._write_drawing(related.part, writer)

    def _rows(self, data: bytes) -> Iterator[list[str]]:
        for row in read_rows(data):
            cells: list[str] = []
            for cell in row:
                gap = _column(cell.column) - len(cells)
                if 0 < gap <= _MOST_GAP_COLUMNS:
                    cells += [""] * gap
                cells.append(self._value(cell))
            yield cells[:_MOST_COLUMNS]

    def _value(self, cell: Cell) -> str:
        value = cell.value
        if cell.type == "s":
            return self._strings[int(value)] if value.isdigit() and int(value) < len(self._strings) else ""
        if cell.type == "b":
            return "TRUE" if value == "1" else "FALSE"
        if cell.type == "n" and value:
            return self._number(value, cell.style)
        return value

    def _number(self, value: str, style: str) -> str:
        try:
            number = float(value)
        except ValueError:
            return value
        return shown_date(number, self._epoch) if style in self._dates else shown_number(number)

    def _write_comments(self, part: str, writer: Writer) -> None:
        root = self._package.xml(part)
        for comment in root.iter("{*}comment", "{*}threadedComment") if root is not None else ():
            words = "".join(node.text or "" for node in comment.iter("{*}t", "{*}text")).strip()
            writer.add("text", f"Comment on {comment.get('ref') or 'a cell'}: {words}" if words else "")

    def _write_drawing(self, part: str, writer: Writer) -> None:
        root = self._package.xml(part)
        if root is None:
            return
        for text in drawing_texts(root):
            writer.add("text", text)
        for related in self._package.relationships(part):
            chart = self._package.xml(related.part) if related.kind == "chart" else None
            if chart is not None:
                write_chart(chart, writer)


def _shared_strings(root: etree._Element | None) -> list[str]:
    return [_string(item) for item in root.iterchildren("{*}si")] if root is not None else []


def _string(item: etree._Element) -> str:
    """The text of a string, of one piece or of several with formats. The phonetic hints of Japanese (rPh) are none."""
    parts = []
    for child in item.iterchildren("{*}t", "{*}r"):
        if child.tag.endswith("t"):
            parts.append(child.text or "")
        else:
            parts += [each.text or "" for each in child.iterchildren("{*}t")]
    return "".join(parts)


def _date_styles(root: etree._Element | None) -> set[str]:
    """The numbers of the styles that show a number as a date or a time."""
    if root is None:
        return set()
    formats = {each.get("numFmtId"): each.get("formatCode") or "" for each in root.iter("{*}numFmt")}
    dates = set()
    for index, style in enumerate(root.iterfind("{*}cellXfs/{*}xf")):
        identifier = style.get("numFmtId") or "0"
        code = _NOT_A_CODE.sub("", formats.get(identifier, ""))
        if _DATE_CODE.search(code) or (identifier.isdigit() and int(identifier) in _DATE_FORMATS):
            dates.add(str(index))
    return dates


@cache
def _column(letters: str) -> int:
    """The number of a column, from 0; -1 if it is none."""
    if not 0 < len(letters) <= _LONGEST_COLUMN or not (letters.isascii() and letters.isupper()):
        return -1
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


SAMPLE = packed({"xl/workbook.xml": "<workbook><sheets><sheet name='a'/></sheets></workbook>"})
