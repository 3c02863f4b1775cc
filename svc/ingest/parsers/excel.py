"""Excel workbooks (.xlsx): sheet by sheet, each row with the names of its columns."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from xml.parsers import expat

from lxml import etree

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.addresses import Addresses, with_address
from svc.ingest.parsers.charts import write_chart
from svc.ingest.parsers.csv import write_rows
from svc.ingest.parsers.drawing_text import drawing_texts
from svc.ingest.parsers.embedded import Objects
from svc.ingest.parsers.excel_names import named_values
from svc.ingest.parsers.excel_rows import Cell, read_rows
from svc.ingest.parsers.excel_sheet import behind_cells, control_labels
from svc.ingest.parsers.excel_values import EPOCH, EPOCH_1904, Style, style_of
from svc.ingest.parsers.excel_values import shown as shown_value
from svc.ingest.parsers.office import Package, packed, relationship_id
from svc.ingest.parsers.rejections import DAMAGE, damaged
from svc.ingest.parsers.repaired_xml import repaired

_MOST_COLUMNS = 16_384
_NO_MEMORY = 1  # of expat
_MOST_REPAIRED_BYTES = 32 * 2**20
_MOST_GAP_COLUMNS = 64  # a cell further to the right follows the one before it
_LONGEST_COLUMN = 3
_ADDRESS = re.compile(r'\s*HYPERLINK\(\s*"([^"]+)"', re.IGNORECASE)
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


def parse(data: bytes) -> ReadDocument:
    """Return the sheets in their order, with the names of the columns in each row (`sheet`)."""
    package = Package("xlsx", data)
    main = package.main_part or "xl/workbook.xml"
    workbook = package.xml(main)
    if workbook is None:
        if "xl/workbook.bin" in package.names():
            raise DocumentRejectedError("The Excel workbook is in the binary form (.xlsb); save it as .xlsx.")
        if not package.all_of(main, "worksheet"):
            raise damaged("xlsx", "its main part is missing or damaged")
        workbook = etree.Element("workbook")
    writer = Writer()
    book = _Workbook(package, main, workbook)
    hidden = []
    for name, part, is_hidden in _sheets(package, main, workbook):
        writer.place = {"sheet": name}
        if is_hidden:
            hidden.append(name)
        else:
            try:
                book.write_sheet(part, name, writer)
            except DAMAGE:
                writer.warn(f"The sheet {name} is damaged and was read in part.")
    writer.place = {}
    writer.add("text", "\n".join(named_values(workbook)))
    book.finish(writer)
    if hidden:
        writer.warn(f"Hidden sheets were not read: {', '.join(hidden)}.")
    package.warn(writer)
    return writer.document()


def _sheets(package: Package, main: str, workbook: etree._Element) -> Iterator[tuple[str, str | None, bool]]:
    """The name of each sheet, its part, and whether it is hidden.

    If their list or the references are damaged, the sheets without a reference follow, ordered by number.
    """
    parts = {each.id: each.part for each in package.relationships(main) if each.id}
    sheets = list(workbook.iterfind("{*}sheets/{*}sheet"))
    is_listed = bool(sheets) and main not in package.repaired
    is_whole = is_listed and all(relationship_id(sheet) in parts for sheet in sheets)
    used = {part.lower() for sheet in sheets if (part := parts.get(relationship_id(sheet) or ""))}
    others = iter([each for each in package.all_of(main, "worksheet") if each not in used] if not is_whole else [])
    for number, sheet in enumerate(sheets, 1):
        part = parts.get(relationship_id(sheet) or "") or next(others, None)
        is_hidden = (sheet.get("state") or "visible") != "visible"
        yield sheet.get("name") or f"sheet {number}", part, is_hidden
    for number, part in enumerate(() if is_listed else others, len(sheets) + 1):
        yield f"sheet {number}", part, False


class _Workbook:
    def __init__(self, package: Package, main: str, workbook: etree._Element) -> None:
        self._package = package
        kinds = {each.kind: each.part for each in package.relationships(main)}
        self._strings = _shared_strings(package.xml(kinds.get("sharedStrings", "")))
        self._styles = _styles(package.xml(kinds.get("styles", "")))
        properties = workbook.find("{*}workbookPr")
        is_1904 = properties is not None and (properties.get("date1904") or "") in ("1", "true")
        self._epoch = EPOCH_1904 if is_1904 else EPOCH
        self._addresses = Addresses()
        self._objects = Objects()
        self._edges: set[str] = set()
        self._links: dict[str, str] = {}
        self._uncomputed = self._images = self._lost = 0

    def write_sheet(self, part: str | None, name: str, writer: Writer) -> None:
        """Write the cells of a sheet, then the comments, hints and drawings on it."""
        data = self._package.read(part) if part else None
        if part is None or data is None:
            writer.warn(f"The sheet {name} was not read: its part is missing or damaged.")
            return
        writer.add("heading", name, level=1)
        behind = behind_cells(data)
        targets = self._package.targets(part)
        self._links = {cell: target for cell, each in behind.links.items() if (target := targets.get(each))}
        write_rows(self._rows(data), writer)
        if self._is_cut:
            writer.warn(f"The sheet {name} is damaged and was read in part.")
        for hint, cells in behind.hints.items():
            writer.add("text", f"Hint on {cells[:40]}: {hint}")
        related = self._package.relationships(part)
        # Most labels are also in a drawing of the newer kind.
        drawn = {text for each in related if each.kind == "drawing" for text in self._drawn_texts(each.part)}
        has_threads = any(each.kind == "threadedComment" for each in related)
        for each in related:
            if each.kind in ("comments", "threadedComment"):
                self._write_comments(each.part, writer, has_threads=has_threads)
            elif each.kind == "drawing":
                self._write_drawing(each.part, writer)
            elif each.kind == "vmlDrawing":
                labels = control_labels(self._package.read(each.part) or b"<none/>")
                writer.add("text", "\n".join(label for label in labels if label not in drawn))
            elif each.kind in ("oleObject", "package"):
                self._objects.add(each.part, "")
        for edge in behind.edges:
            if edge not in self._edges:
                self._edges.add(edge)
                writer.add("text", edge)

    def finish(self, writer: Writer) -> None:
        """Write the embedded files, and warn about parts that were not read."""
        self._objects.write(self._package, writer)
        if self._images:
            what = "1 image has" if self._images == 1 else f"{self._images} images have"
            writer.warn(f"{what} no description and {'was' if self._images == 1 else 'were'} not read.")
        if self._uncomputed:
            what = "1 formula has" if self._uncomputed == 1 else f"{self._uncomputed} formulas have"
            writer.warn(f"{what} no result in the file; Excel stores the results when it saves the workbook.")
        if self._lost:
            what = "1 cell refers" if self._lost == 1 else f"{self._lost} cells refer"
            writer.warn(
                f"{what} to a text that is missing or damaged, and {'was' if self._lost == 1 else 'were'} not read."
            )
        for warning in self._addresses.warnings():
            writer.warn(warning)

    def _rows(self, data: bytes) -> Iterator[list[str]]:
        self._is_cut = False
        for row in self._intact_rows(data):
            cells: list[str] = []
            for cell in row:
                gap = _column(cell.column) - len(cells)
                if 0 < gap <= _MOST_GAP_COLUMNS:
                    cells += [""] * gap
                cells.append(self._value(cell))
            yield cells[:_MOST_COLUMNS]

    def _intact_rows(self, data: bytes) -> Iterator[list[Cell]]:
        """The rows of a sheet. If its XML is broken, those behind the place are read as far as they can be."""
        count = 0
        try:
            for row in read_rows(data):
                count += 1
                yield row
        except expat.ExpatError as error:
            if error.code == _NO_MEMORY:
                raise MemoryError from error
            self._is_cut = True
        if self._is_cut and len(data) <= _MOST_REPAIRED_BYTES and (root := repaired(data)) is not None:
            with contextlib.suppress(expat.ExpatError):
                yield from islice(read_rows(etree.tostring(root)), count, None)

    def _value(self, cell: Cell) -> str:
        shown = self._shown(cell)
        if cell.formula is None and not self._links:
            return shown
        if cell.formula is not None and not cell.value and cell.type != "str":
            self._uncomputed += 1
        target = self._links.get(cell.reference, "")
        if not target and cell.formula and (found := _ADDRESS.match(cell.formula)):
            target = found.group(1)
        if target:
            return with_address(shown, self._addresses.beside(shown, target, is_relative_kept=True))
        return shown

    def _shown(self, cell: Cell) -> str:
        value = cell.value
        if cell.type == "s":
            if value.isdigit() and int(value) < len(self._strings):
                return self._strings[int(value)]
            self._lost += bool(value)
            return ""
        if cell.type == "b":
            return "TRUE" if value == "1" else "FALSE"
        if cell.type == "n" and value:
            try:
                return shown_value(float(value), self._styles.get(cell.style), self._epoch)
            except ValueError:
                return value
        return _unescaped(value)

    def _write_comments(self, part: str, writer: Writer, *, has_threads: bool) -> None:
        root = self._package.xml(part)
        for comment in root.iter("{*}comment", "{*}threadedComment") if root is not None else ():
            words = _unescaped("".join(node.text or "" for node in comment.iter("{*}t", "{*}text"))).strip()
            if has_threads and words.startswith("[Threaded comment]"):
                continue  # the same again, for old readers
            writer.add("text", f"Comment on {comment.get('ref') or 'a cell'}: {words}" if words else "")

    def _drawn_texts(self, part: str) -> list[str]:
        root = self._package.xml(part)
        return [" ".join(text.split()) for text in drawing_texts(root)] if root is not None else []

    def _write_drawing(self, part: str, writer: Writer) -> None:
        root = self._package.xml(part)
        if root is None:
            return
        etree.strip_elements(root, "{*}Fallback", with_tail=False)  # for old readers
        for text in drawing_texts(root, self._package.targets(part), self._addresses):
            writer.add("text", text)
        for properties in root.iter("{*}cNvPr"):
            described = (properties.get("descr") or properties.get("title") or "").strip()
            writer.add("text", described)
            self._images += not described and properties.getparent().tag.endswith("}nvPicPr")
        for related in self._package.relationships(part):
            inner = self._package.xml(related.part) if related.kind in ("chart", "chartEx", "diagramData") else None
            if inner is None:
                continue
            if related.kind == "diagramData":
                writer.add("text", "\n".join(drawing_texts(inner)))
            else:
                write_chart(inner, writer)


def _shared_strings(root: etree._Element | None) -> list[str]:
    return [_string(item) for item in root.iterchildren("{*}si")] if root is not None else []


def _string(item: etree._Element) -> str:
    """The text of a string, of one piece or of several with formats, without the phonetic hints of Japanese (rPh)."""
    parts = []
    for child in item.iterchildren("{*}t", "{*}r"):
        if child.tag.endswith("t"):
            parts.append(child.text or "")
        else:
            parts += [each.text or "" for each in child.iterchildren("{*}t")]
    return _unescaped("".join(parts))


def _unescaped(text: str) -> str:
    """The text with the characters that XML does not allow, or that Excel wrote so, such as `_x000D_`."""
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), text) if "_x" in text else text


def _styles(root: etree._Element | None) -> dict[str, Style]:
    """The styles that show more than a number, by their numbers."""
    if root is None:
        return {}
    formats = {each.get("numFmtId"): each.get("formatCode") or "" for each in root.iter("{*}numFmt")}
    styles = {}
    for index, style in enumerate(root.iterfind("{*}cellXfs/{*}xf")):
        identifier = style.get("numFmtId") or "0"
        if (found := style_of(identifier, formats.get(identifier, ""))) is not None:
            styles[str(index)] = found
    return styles


@cache
def _column(letters: str) -> int:
    """The number of a column, counted from 0; -1 if it is not a column."""
    if not 0 < len(letters) <= _LONGEST_COLUMN or not (letters.isascii() and letters.isupper()):
        return -1
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


SAMPLE = packed({"xl/workbook.xml": "<workbook><sheets><sheet name='a'/></sheets></workbook>"})
