"""Workbooks of Excel that are one XML file, as Excel 2003 and many programs write them."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from svc.ingest.document import Writer
from svc.ingest.parsers.csv import write_rows

_SPREADSHEET = "{urn:schemas-microsoft-com:office:spreadsheet}"
WORKBOOK_2003 = f"{_SPREADSHEET}Workbook"
_MOST_COLUMNS = 16_384
_MOST_GAP_COLUMNS = 64  # a cell further to the right follows the one before it
_MIDNIGHT = "T00:00:00.000"


def write_workbook(root: etree._Element, writer: Writer) -> None:
    """Write the sheets in their order, with the names of the columns in each row (`sheet`)."""
    hidden = []
    for sheet in root.iterfind(f"{_SPREADSHEET}Worksheet"):
        name = sheet.get(f"{_SPREADSHEET}Name") or "sheet"
        if (sheet.findtext("{*}WorksheetOptions/{*}Visible") or "").startswith("Sheet"):
            hidden.append(name)
            continue
        writer.place = {"sheet": name}
        writer.add("heading", name, level=1)
        write_rows(_rows(sheet), writer)
        for comment in sheet.iter(f"{_SPREADSHEET}Comment"):
            words = " ".join(" ".join(map(str, comment.itertext())).split())
            writer.add("text", f"Comment: {words}" if words else "")
    writer.place = {}
    if hidden:
        writer.warn(f"Hidden sheets were not read: {', '.join(hidden)}.")


def _rows(sheet: etree._Element) -> Iterator[list[str]]:
    for row in sheet.iterfind(f"{_SPREADSHEET}Table/{_SPREADSHEET}Row"):
        cells: list[str] = []
        for cell in row.iterfind(f"{_SPREADSHEET}Cell"):
            index = cell.get(f"{_SPREADSHEET}Index") or ""
            gap = int(index) - 1 - len(cells) if index.isdigit() and len(index) < 6 else 0
            cells += [""] * (gap if 0 < gap <= _MOST_GAP_COLUMNS else 0)
            data = cell.find(f"{_SPREADSHEET}Data")
            cells.append(_value(data) if data is not None else "")
            covered = cell.get(f"{_SPREADSHEET}MergeAcross") or ""
            cells += [""] * min(int(covered) if covered.isdigit() and len(covered) < 6 else 0, _MOST_GAP_COLUMNS)
        if any(cells):
            yield cells[:_MOST_COLUMNS]


def _value(data: etree._Element) -> str:
    text = "".join(map(str, data.itertext())).strip()
    match data.get(f"{_SPREADSHEET}Type"):
        case "DateTime":
            return text.removesuffix(_MIDNIGHT).removesuffix(".000").replace("T", " ")
        case "Boolean":
            return {"1": "TRUE", "0": "FALSE"}.get(text, text)
    return text
