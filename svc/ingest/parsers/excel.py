"""Excel workbooks (.xlsx): sheet by sheet, each row with the names of its columns."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from lxml import etree

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.charts import write_chart
from svc.ingest.parsers.csv import write_rows
from svc.ingest.parsers.office import Package, drawing_texts, packed, relationship_id
from svc.ingest.parsers.rejections import damaged

_MOST_COLUMNS = 16_384
_MOST_GAP_COLUMNS = 64  # a cell further to the right follows the one before it
_REFERENCE = re.compile(r"([A-Z]{1,3})\d*")
_DATE_FORMATS = {*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)}
_DATE_CODE = re.compile(r"[ymdhs]", re.IGNORECASE)
_NOT_A_CODE = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_EPOCH = datetime(1899, 12, 30)
_EPOCH_1904 = datetime(1904, 1, 1)
_LARGEST_DATE = 2_958_465  # the last day of the year 9999


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
        self._epoch = _EPOCH_1904 if is_1904 else _EPOCH

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
        except etree.XMLSyntaxError as error:
            if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
                raise
            writer.warn(f"The sheet {name} is damaged and was read in part.")
        for related in self._package.relationships(part):
            if related.kind in ("comments", "threadedComment"):
                self._write_comments(related.part, writer)
            elif related.kind == "drawing":
                self._write_drawing(related.part, writer)

    def _rows(self, data: bytes) -> Iterator[list[str]]:
        for _, row in etree.iterparse(
            io.BytesIO(data), tag="{*}row", resolve_entities=False, no_network=True, huge_tree=True
        ):
            cells: list[str] = []
            for cell in row.iterchildren("{*}c"):
                column = _column(cell.get("r") or "")
                gap = column - len(cells) if column is not None else 0
                if 0 < gap <= _MOST_GAP_COLUMNS:
                    cells += [""] * gap
                cells.append(self._value(cell))
            yield cells[:_MOST_COLUMNS]
            row.clear()
            while row.getprevious() is not None:
                del row.getparent()[0]

    def _value(self, cell: etree._Element) -> str:
        kind = cell.get("t") or "n"
        if kind == "inlineStr":
            return "".join(node.text or "" for node in cell.iter("{*}t"))
        value = cell.findtext("{*}v") or ""
        if kind == "s":
            return self._strings[int(value)] if value.isdigit() and int(value) < len(self._strings) else ""
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind == "n" and value:
            return self._number(value, cell.get("s") or "")
        return value

    def _number(self, value: str, style: str) -> str:
        try:
            number = float(value)
        except ValueError:
            return value
        if style in self._dates and 0 <= number < _LARGEST_DATE:
            moment = self._epoch + timedelta(seconds=round(number * 86_400))
            if number < 1:
                return moment.strftime("%H:%M:%S")
            return moment.strftime("%Y-%m-%d" if number == int(number) else "%Y-%m-%d %H:%M:%S")
        return f"{number:.15g}"

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
    if root is None:
        return []
    # The phonetic hints of Japanese (rPh) are no text.
    return [
        "".join(node.text or "" for node in item.iter("{*}t") if str(node.getparent().tag).rpartition("}")[2] != "rPh")
        for item in root.iterchildren("{*}si")
    ]


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


def _column(reference: str) -> int | None:
    found = _REFERENCE.match(reference)
    if found is None:
        return None
    number = 0
    for letter in found.group(1):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


SAMPLE = packed({"xl/workbook.xml": "<workbook><sheets><sheet name='a'/></sheets></workbook>"})
