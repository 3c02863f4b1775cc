"""`docs/formats.md` lists the structures that are read in each format. The table is computed from examples, and written
by

python -m tests.ingest.test_format_table
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from svc.ingest.document import ReadDocument
from svc.ingest.formats import FORMATS
from svc.ingest.parse import parse
from tests.ingest.office_files import R, W, package, paragraph, relationships, word
from tests.ingest.ole_files import compound, excel97, properties
from tests.ingest.test_formats import mail, shape, slide, workbook
from tests.ingest.test_more_formats import NAMESPACES, book, cell, opendocument, row

PAGE = Path(__file__).parents[2] / "docs/formats.md"
_TABLE = re.compile(r"(?<=<!-- formats -->\n).*?(?=<!-- end of formats -->)", re.DOTALL)

PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R
/Annots[<</Type/Annot/Subtype/FreeText/Rect[9 9 99 99]/Contents(NOTE)>>]>>endobj
4 0 obj<</Length 126>>stream
BT /F 12 Tf 72 700 Td (TEXT of a page) Tj 0 -40 Td (COLUMN) Tj 200 0 Td (b) Tj -200 -16 Td (CELL) Tj 200 0 Td (2) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
%%EOF"""

_HTML = (
    "<h1>HEADING</h1><p>TEXT<img alt=IMAGE><ul><li>ITEM</ul><pre>CODE = 1</pre>"
    "<table><tr><th>COLUMN<th>b<tr><td>CELL<td>2</table>"
)


def _word() -> bytes:
    comment = f'<w:comments xmlns:w="{W}"><w:comment>{paragraph("NOTE")}</w:comment></w:comments>'
    cells = "".join(f"<w:tc>{paragraph(text)}</w:tc>" for text in ("CELL", "2"))
    head = "".join(f"<w:tc>{paragraph(text)}</w:tc>" for text in ("COLUMN", "b"))
    body = (
        paragraph("HEADING", '<w:pStyle w:val="Heading1"/>') + paragraph("TEXT")
        + paragraph("ITEM", '<w:numPr><w:numId w:val="3"/></w:numPr>')
        + f"<w:tbl><w:tr>{head}</w:tr><w:tr>{cells}</w:tr></w:tbl>"
        + "<w:p><w:r><w:drawing><i><x:docPr xmlns:x='x' descr='IMAGE'/></i></w:drawing></w:r></w:p>"
    )  # fmt: skip
    return word(body, ("comments", "comments.xml"), parts={"comments.xml": comment})


def _slides() -> bytes:
    cells = "".join(f"<a:tc><a:p><a:t>{text}</a:t></a:p></a:tc>" for text in ("COLUMN", "b"))
    row = "".join(f"<a:tc><a:p><a:t>{text}</a:t></a:p></a:tc>" for text in ("CELL", "2"))
    table = f"<p:graphicFrame><a:tbl><a:tr>{cells}</a:tr><a:tr>{row}</a:tr></a:tbl></p:graphicFrame>"
    picture = "<p:pic><p:nvPicPr><p:cNvPr descr='IMAGE'/></p:nvPicPr></p:pic>"
    return package(**{
        "_rels/.rels": relationships(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f'<p xmlns:r="{R}"><sldIdLst><sldId r:id="rId1"/></sldIdLst></p>',
        "ppt/_rels/presentation.xml.rels": relationships(("slide", "slides/a.xml")),
        "ppt/slides/a.xml": slide(
            shape("HEADING", "title"), shape("ITEM", ""), shape("TEXT", None), table, picture
        ),
        "ppt/slides/_rels/a.xml.rels": relationships(("notesSlide", "../notesSlides/n.xml")),
        "ppt/notesSlides/n.xml": slide(shape("NOTE", "body")),
    })  # fmt: skip


def _sheet() -> bytes:
    rows = [("COLUMN", "b"), ("CELL", "TEXT")]
    return workbook({
        "HEADING": "".join(
            "<row>" + "".join(f"<c t='inlineStr'><is><t>{cell}</t></is></c>" for cell in row) + "</row>" for row in rows
        )
    })  # fmt: skip


def _mail() -> bytes:
    message = mail(Subject="TEXT")
    message.set_content(f"<html><body>{_HTML}</body></html>", subtype="html")
    message.add_attachment(b"one", maintype="text", subtype="plain", filename="a.txt")
    return message.as_bytes()


_ODF_TABLE = f"<table:table>{row(cell('COLUMN'), cell('b'))}{row(cell('CELL'), cell('2'))}</table:table>"
_ODF_LIST = "<text:list><text:list-item><text:p>ITEM</text:p></text:list-item></text:list>"
_ODF_IMAGE = "<draw:frame><draw:image/><svg:desc>IMAGE</svg:desc></draw:frame>"


def _odt() -> bytes:
    note = "<text:note><text:note-body><text:p>NOTE</text:p></text:note-body></text:note>"
    body = f"<text:h>HEADING</text:h><text:p>TEXT{note}{_ODF_IMAGE}</text:p>{_ODF_LIST}{_ODF_TABLE}"
    header = f"<s {NAMESPACES} xmlns:style='x'><style:header><text:p>TEXT</text:p></style:header></s>"
    return opendocument("text", body, styles_DOT_xml=header)


def _ods() -> bytes:
    rows = row(cell("COLUMN"), cell("b")) + row(cell("CELL"), cell("TEXT"))
    return opendocument("spreadsheet", f"<table:table table:name='HEADING'>{rows}</table:table>")


def _odp() -> bytes:
    title = (
        '<draw:frame presentation:class="title"><draw:text-box><text:p>HEADING</text:p></draw:text-box></draw:frame>'
    )
    text = f"<draw:frame><draw:text-box><text:p>TEXT</text:p>{_ODF_LIST}</draw:text-box></draw:frame>"
    notes = "<presentation:notes><draw:frame><draw:text-box><text:p>NOTE</text:p></draw:text-box></draw:frame>"
    frames = f"{title}{text}<draw:frame>{_ODF_TABLE}</draw:frame>{_ODF_IMAGE}{notes}</presentation:notes>"
    return opendocument("presentation", f"<draw:page>{frames}</draw:page>")


EXAMPLES: dict[str, bytes] = {
    "text": b"TEXT",
    "markdown": b"# HEADING\n\nTEXT ![IMAGE](a)\n\n```\nCODE = 1\n```\n\n| COLUMN | b |\n|---|---|\n| CELL | 2 |\n",
    "html": f"<html><body>{_HTML}</body></html>".encode(),
    "pdf": PDF,
    "csv": b"COLUMN,b\nCELL,TEXT\n",
    "docx": _word(),
    "xlsx": _sheet(),
    "xls": excel97({"HEADING": [["COLUMN", "b"], ["CELL", "TEXT"]]}, comment="NOTE"),
    "pptx": _slides(),
    "odt": _odt(),
    "ods": _ods(),
    "odp": _odp(),
    "epub": book(_HTML),
    "rtf": (
        rb"{\rtf1\outlinelevel0 HEADING\par\pard TEXT{\footnote NOTE}\par{\listtext -\tab}ITEM\par\pard"
        rb"\intbl COLUMN\cell b\cell\row\intbl CELL\cell 2\cell\row}"
    ),
    "latex": (
        rb"\section{HEADING} TEXT\begin{itemize}\item ITEM\end{itemize}\begin{verbatim}CODE = 1\end{verbatim}"
        rb"\begin{tabular}{ll}COLUMN & b \\ CELL & 2\end{tabular}"
    ),
    "zip": package(**{"a.html": f"<html><body>{_HTML}</body></html>"}),
    "mail": _mail(),
    "msg": compound(properties({0x37: "TEXT", 0x1013: _HTML.encode()}, before=32)),
    "json": b'[{"COLUMN": "CELL"}, {"COLUMN": "TEXT"}]',
    "notebook": json.dumps(
        {
            "cells": [
                {"cell_type": "markdown", "source": "# HEADING\n\nTEXT"},
                {"cell_type": "code", "source": "CODE = 1"},
            ]
        }
    ).encode(),
    "xml": b"<a><title>HEADING</title><p>TEXT</p></a>",
    "subtitles": b"00:01.000 --> 00:02.000\nTEXT",
    "code": b"CODE = TEXT",
}


def features_of(document: ReadDocument) -> list[str]:
    """The structures that were read from an example, one cell for each column."""
    blocks = [(block.kind, document.text[block.start : block.end]) for block in document.blocks]
    rows = re.search(r"COLUMN: CELL", document.text) or any(kind == "table" and "CELL" in text for kind, text in blocks)
    found = [
        any(kind == "heading" and "HEADING" in text for kind, text in blocks),
        any(kind == "item" and "ITEM" in text for kind, text in blocks),
        bool(rows),
        any(kind == "code" and "CODE" in text for kind, text in blocks),
        "NOTE" in document.text,
        "IMAGE" in document.text,
    ]
    places = sorted({name for block in document.blocks for name in block.place})
    return [*("yes" if each else "" for each in found), ", ".join(f"`{name}`" for name in places)]


def _features(name: str) -> list[str]:
    # The recognized text of an image depends on the models.
    return features_of(parse(name, EXAMPLES[name])) if name != "image" else ["", "", "yes", "", "", "", "`page`"]


def table() -> str:
    """The table of formats."""
    columns = [
        "format",
        "suffixes",
        "headings",
        "list items",
        "tables",
        "code",
        "notes",
        "descriptions of images",
        "place",
    ]
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for name, each in FORMATS.items():
        suffixes = " ".join(f"`{suffix}`" for suffix in each.suffixes)
        cells = [f"`{name}`", suffixes, *_features(name)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def test_every_example_is_read() -> None:
    for name, data in EXAMPLES.items():
        assert "TEXT" in parse(name, data).text, name


def test_the_table_of_formats_is_current() -> None:
    shown = _TABLE.search(PAGE.read_text())
    assert shown is not None
    assert shown.group() == table(), "run: python -m tests.ingest.test_format_table"


if __name__ == "__main__":
    PAGE.write_text(_TABLE.sub(lambda _: table(), PAGE.read_text()))
