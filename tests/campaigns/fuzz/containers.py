"""Files that contain others, whose parts are mutated, since a mutated container can rarely be read."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable

from svc.ingest.formats import FileType
from tests.ingest.office_files import R, package, paragraph, relationships, word
from tests.ingest.ole_files import CUTOFF, Folder, Value, bare_workbook, compound, properties
from tests.ingest.test_formats import shape, slide, workbook
from tests.ingest.test_more_formats import book, cell, opendocument, row

Mutate = Callable[[bytes], bytes]


class Container:
    """A file of a type with its parts by name, and its essential parts."""

    def __init__(self, file_type: FileType, content: bytes | Folder, needed: tuple[str, ...]) -> None:
        self.file_type = file_type
        self.parts: dict[str, bytes] = {}
        self._is_archive = isinstance(content, bytes)
        if isinstance(content, bytes):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                self.parts = {name: archive.read(name) for name in archive.namelist()}
        else:
            self._add(content, "")
        self.needed = needed

    def mutated(self, generator: random.Random, mutate: Mutate) -> tuple[str, bytes]:
        """Return the name of one part, and the file with that part mutated."""
        chosen = generator.choice([*self.parts, *self.needed])
        parts = {name: mutate(data) if name == chosen else data for name, data in self.parts.items()}
        return chosen, self._packed(parts)

    def _add(self, folder: Folder, path: str) -> None:
        for name, value in folder.items():
            if isinstance(value, bytes):
                self.parts[path + name] = value
            else:
                self._add(value, f"{path}{name}/")

    def _packed(self, parts: dict[str, bytes]) -> bytes:
        if not self._is_archive:
            return compound(_folder(parts))
        saved = io.BytesIO()
        with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in parts.items():
                archive.writestr(name, data)
        return saved.getvalue()


def _folder(parts: dict[str, bytes]) -> Folder:
    top: dict[str, bytes | Folder] = {}
    for path, data in parts.items():
        *folders, name = path.split("/")
        at = top
        for folder in folders:
            at = at.setdefault(folder, {})  # type: ignore[assignment]
        at[name] = data
    return top


def containers() -> list[Container]:
    """Return a file of each type that contains others, with all kinds of parts."""
    return [
        Container("docx", _word(), ("word/document.xml",)),
        Container("xlsx", _workbook(), ("xl/workbook.xml", "xl/worksheets/s1.xml")),
        Container("pptx", _deck(), ("ppt/presentation.xml", "ppt/slides/a.xml")),
        *(Container(each, data, ("content.xml",)) for each, data in _opendocuments()),
        Container("epub", book("<h1>Second</h1><p>Then.</p>", "<h1>First</h1><p>Once.</p>"), ("OEBPS/book.opf",)),
        Container("zip", _archive(), ()),
        Container("xls", {"Workbook": _excel97(), "\x05SummaryInformation": b"\xfe\xff" + bytes(80)}, ("Workbook",)),
        Container("msg", _message(), ("__properties_version1.0",)),
    ]


def _word() -> bytes:
    return word(
        paragraph("Tides", '<w:pStyle w:val="Heading1"/>')
        + paragraph("The moon raises them twice a day.")
        + "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>height</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
    )


def _workbook() -> bytes:
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>since</t></is></c></row>'
        '<row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2" s="1"><v>40000.5</v></c><c r="D2" t="b"><v>1</v></c></row>'
    )
    strings = "<si><t>name</t></si><si><r><t>A</t></r><r><t>nn</t></r></si>"
    styles = "<cellXfs><xf numFmtId='0'/><xf numFmtId='14'/></cellXfs>"
    return workbook({"Stock": rows, "More": rows}, strings, styles)


def _deck() -> bytes:
    table = "<p:graphicFrame><a:tbl><a:tr><a:tc><a:p><a:t>q</a:t></a:p></a:tc></a:tr></a:tbl></p:graphicFrame>"
    return package(**{
        "_rels/.rels": relationships(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f'<p xmlns:r="{R}"><sldIdLst><sldId r:id="rId2"/><sldId r:id="rId1"/></sldIdLst></p>',
        "ppt/_rels/presentation.xml.rels": relationships(("slide", "slides/b.xml"), ("slide", "slides/a.xml")),
        "ppt/slides/a.xml": slide(shape("one\ntwo", ""), shape("Sales", "title")),
        "ppt/slides/b.xml": slide(shape("A box", None), table),
        "ppt/slides/_rels/a.xml.rels": relationships(("notesSlide", "../notesSlides/n.xml")),
        "ppt/notesSlides/n.xml": slide(shape("Say hello.", "body")),
    })  # fmt: skip


def _opendocuments() -> list[tuple[FileType, bytes]]:
    meta = {"meta_DOT_xml": "<office:document-meta xmlns:office='o'><office:meta/></office:document-meta>"}
    text = "<text:h text:outline-level='1'>Tides</text:h><text:p>Twice a <text:span>day</text:span>.</text:p>"
    sheet = f"<table:table table:name='Stock'>{row(cell('name'), cell('sum'))}{row(cell('A'), cell('5'))}</table:table>"
    page = f"<draw:page><draw:frame><draw:text-box>{text}</draw:text-box></draw:frame></draw:page>"
    return [
        ("odt", opendocument("text", text, **meta)),
        ("ods", opendocument("spreadsheet", sheet, **meta)),
        ("odp", opendocument("presentation", page, **meta)),
    ]


def _archive() -> bytes:
    inner = package(**{"deep.txt": "deep", "list.csv": "a,b\n1,2\n"})
    parts: dict[str, str | bytes] = {
        "a.md": "# Tides\n\nTwice a day.", "b.html": "<h1>Moon</h1><p>Far.</p>", "c.docx": _word(), "d.zip": inner,
        "e.eml": "Subject: x\n\nbody\n", "f.json": '{"a": [1, 2]}', "g.xls": compound({"Workbook": _excel97()}),
    }  # fmt: skip
    return package(**parts)


def _excel97() -> bytes:
    rows: list[list[Value]] = [
        ["Part", "Since", "Price", "Sold"],
        ["Bolt", 40000.5, 0.2, True],
        ["Nut", 40001.0, 3.0, None],
    ]
    return bare_workbook({"Stock": rows, "More": rows}, dates=[1], comment="since the flood").ljust(CUTOFF, b"\0")


def _message() -> Folder:
    inner = {**properties({0x37: "Inner", 0x1000: "The older one."}, before=24)}
    return {
        **properties(
            {0x37: "Subject", 0x1013: b"<h1>Plan</h1><p>Today.</p>", 0x0C1A: "Ada"}, {0x3FDE: 1251}, before=32
        ),
        "__recip_version1.0_#00000000": properties({0x3001: "Bob", 0x39FE: "bob@example.org"}, {0x0C15: 1}),
        "__attach_version1.0_#00000000": properties({0x3701: b"a,b\n1,x\n", 0x3707: "list.csv"}),
        "__attach_version1.0_#00000001": {**properties({0x3707: "older"}), "__substg1.0_3701000D": inner},
        "__attach_version1.0_#00000003": properties({0x3701: _word(), 0x3707: "a.docx"}),
    }
