"""Excel workbooks of before 2007 (.xls): sheet by sheet, each row with the names of its columns."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Callable, Iterator
from functools import cache

import olefile
import xlrd

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.ole import SIGNATURE
from svc.ingest.parsers.addresses import Addresses, with_address
from svc.ingest.parsers.csv import write_rows
from svc.ingest.parsers.excel97_records import beside_cells
from svc.ingest.parsers.excel_sheet import printed_edge
from svc.ingest.parsers.excel_values import EPOCH, EPOCH_1904, Style, shown, shown_date, shown_number, style_of
from svc.ingest.parsers.rejections import damaged, encrypted

_UNICODE_BIFF = 80
_NUMBERS = (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE)

# A workbook with one cell, "a".
SAMPLE = zlib.decompress(base64.b85decode(
    r"c-p&gUhu)fjZzO8(10BSGsD0CoD6J8VvIn{0pkcTFmOV}{{8>|A0)&D#Q#UZkOG_>z=&jHW!TMoh8+}#p!jxTU}D(7V#pxHZ~`3F"
    r"6Br>;&dTV>P{feQkjRk3@PI*t0ULmb^I?d$0#ip7Bo#3xf>R2_W&sqNS(v!tX$`7u6pVsVFbYP&C>RB!U=)mkQ7{Td!6+C76oVj!"
    r"d>|}gP+)Ln$OF<v43#A57h_;$gpDOI5~&9^UIYT+K--HLvKf-V?#L$D{Xz^(jL72|L~9hFPWUk~Fpy_I!{D%gbOdZ<14c+1VqgYh"
    r"79eJ2fQ-bkL-Q#N{~ZmgVF>^nirsb"
))  # fmt: skip


def parse(data: bytes) -> ReadDocument:
    """Return the sheets in their order, with the names of the columns in each row (`sheet`)."""
    try:
        book = _opened(data)
    except xlrd.XLRDError as error:
        # The library has only one exception, so these are distinguished by its message.
        is_encrypted = "encrypted" in str(error).lower()
        raise encrypted("xls") if is_encrypted else damaged("xls") from error
    writer = Writer()
    hidden, unread = [], []
    beside = _BesideCells(data)
    for index, name in enumerate(book.sheet_names()):
        try:
            sheet = book.sheet_by_index(index)
        except (MemoryError, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - the library raises anything on broken sheets; the others are still useful
            unread.append(name)
            continue
        if sheet.visibility:
            hidden.append(name)
        else:
            _write_sheet(book, sheet, name, writer, beside.addresses)
            beside.write(book, index, writer)
        if book.on_demand:
            book.unload_sheet(index)
    writer.place = {}
    beside.warn(writer)
    others = sum(number < 0 for number in book._all_sheets_map)
    if hidden:
        writer.warn(f"Hidden sheets were not read: {', '.join(hidden)}.")
    if unread:
        writer.warn(f"Not read, because they are damaged: {', '.join(unread)}.")
    if others:
        what = "1 sheet of a chart or of macros was" if others == 1 else f"{others} sheets of charts or macros were"
        writer.warn(f"{what} not read.")
    return writer.document()


def _opened(data: bytes) -> xlrd.Book:
    """The workbook with its number formats; without them if these are damaged."""
    for has_formats in (True, False):
        try:
            return xlrd.open_workbook(
                file_contents=data, logfile=_Nowhere(), on_demand=True, ragged_rows=True,
                ignore_workbook_corruption=True, formatting_info=has_formats,
            )  # fmt: skip
        except (MemoryError, RecursionError):
            raise
        except Exception:
            if not has_formats:
                raise
    raise AssertionError


def _write_sheet(book: xlrd.Book, sheet: xlrd.sheet.Sheet, name: str, writer: Writer, addresses: Addresses) -> None:
    writer.place = {"sheet": name}
    writer.add("heading", name, level=1)
    write_rows(_rows(book, sheet, addresses), writer)
    for (row, column), note in sorted(sheet.cell_note_map.items()):
        words = note.text.strip()
        writer.add("text", f"Comment on {xlrd.cellname(row, column)}: {words}" if words else "")


def _rows(book: xlrd.Book, sheet: xlrd.sheet.Sheet, addresses: Addresses) -> Iterator[list[str]]:
    epoch = EPOCH_1904 if book.datemode else EPOCH
    linked = {row for row, _ in sheet.hyperlink_map}
    style_of_cell = _styles(book, sheet)
    for number in range(sheet.nrows):
        row: list[str] = []
        for kind, value in zip(sheet.row_types(number), sheet.row_values(number), strict=True):
            if kind == xlrd.XL_CELL_TEXT:
                row.append(value)
            elif kind in _NUMBERS and (style := style_of_cell(number, len(row))) is not None:
                row.append(shown(value, style, epoch))
            elif kind == xlrd.XL_CELL_NUMBER:
                row.append(shown_number(value))
            elif kind == xlrd.XL_CELL_DATE:
                row.append(shown_date(value, epoch))
            elif kind == xlrd.XL_CELL_BOOLEAN:
                row.append("TRUE" if value else "FALSE")
            elif kind == xlrd.XL_CELL_ERROR:
                row.append(xlrd.error_text_from_code.get(value, "#ERROR"))
            else:
                row.append("")
        for column in range(len(row)) if number in linked else ():
            link = sheet.hyperlink_map.get((number, column))
            target = link.url_or_path if link is not None and isinstance(link.url_or_path, str) else ""
            row[column] = with_address(row[column], addresses.beside(row[column], target, is_relative_kept=True))
        yield row


def _styles(book: xlrd.Book, sheet: xlrd.sheet.Sheet) -> Callable[[int, int], Style | None]:
    """A function that returns how the number in a cell is shown, by its row and its column."""

    @cache
    def of_format(number: int) -> Style | None:
        known = book.format_map.get(book.xf_list[number].format_key) if number < len(book.xf_list) else None
        return None if known is None else style_of(str(known.format_key), known.format_str)

    def of_cell(row: int, column: int) -> Style | None:
        formats = sheet._cell_xf_indexes[row] if row < len(sheet._cell_xf_indexes) else ()
        return of_format(formats[column]) if column < len(formats) and formats[column] >= 0 else None

    return of_cell


class _BesideCells:
    """The contents of the sheets other than cells."""

    def __init__(self, data: bytes) -> None:
        self.addresses = Addresses()
        self._edges: set[str] = set()
        self._pictures = self._charts = 0
        self._objects = _embedded(data)

    def write(self, book: xlrd.Book, index: int, writer: Writer) -> None:
        """Write the texts of the shapes and the charts of a sheet, and its header and footer."""
        if book.biff_version < _UNICODE_BIFF:
            return
        beside = beside_cells(book.mem, book._sh_abs_posn[index])
        for text in beside.texts:
            writer.add("text", text)
        for edge in beside.edges:
            printed = printed_edge(edge)
            if printed and printed not in self._edges:
                self._edges.add(printed)
                writer.add("text", printed)
        self._pictures += beside.pictures
        self._charts += beside.charts

    def warn(self, writer: Writer) -> None:
        """Warn about parts that were not read."""
        for count, one, several in (
            (self._pictures, "1 image was", "{} images were"),
            (self._charts, "1 chart was read only by its titles, and its numbers were",
             "{} charts were read only by their titles, and their numbers were"),
            (self._objects, "1 embedded object was", "{} embedded objects were"),
        ):  # fmt: skip
            if count:
                writer.warn(f"{one if count == 1 else several.format(count)} not read.")
        for warning in self.addresses.warnings():
            writer.warn(warning)


def _embedded(data: bytes) -> int:
    """How many objects of other programs the workbook contains."""
    if not data.startswith(SIGNATURE):
        return 0
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            return sum(
                path[0].startswith("MBD") for path in file.listdir(streams=False, storages=True) if len(path) == 1
            )
    except (OSError, ValueError):  # olefile's own errors are OSErrors
        return 0


class _Nowhere(io.TextIOBase):
    """Takes the notes that the library writes about a file."""

    def write(self, text: str, /) -> int:
        return len(text)
