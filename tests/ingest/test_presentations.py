"""Presentations are read completely: all visible parts of a slide are read, or listed in the warnings."""

from __future__ import annotations

import re

from svc.ingest.parse import parse
from tests.ingest.office_files import R, package, paragraph, relationships, word
from tests.ingest.test_formats import shape, slide

_EXTERNAL = 'TargetMode="External"'
_TEXT = (
    "<p:sp><p:txBody><a:p><a:r><a:rPr><a:hlinkClick r:id='rId9'/></a:rPr><a:t>The </a:t></a:r>"
    "<a:r><a:rPr><a:hlinkClick r:id='rId9'/></a:rPr><a:t>form</a:t></a:r>"
    "<a:r><a:t> is here, page </a:t></a:r><a:fld type='slidenum'><a:t>7</a:t></a:fld></a:p></p:txBody></p:sp>"
)
_FORMULA = (
    "<p:sp><p:txBody><a:p><mc:AlternateContent xmlns:mc='mc'><mc:Choice><m:oMath xmlns:m='m'><m:sSup><m:e><m:t>x</m:t>"
    "</m:e><m:sup><m:t>2</m:t></m:sup></m:sSup></m:oMath></mc:Choice><mc:Fallback><a:r><a:t>old</a:t></a:r></mc:Fallback>"
    "</mc:AlternateContent></a:p></p:txBody></p:sp>"
)
_FRAMES = (
    "<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr descr='Sales by year'/></p:nvGraphicFramePr></p:graphicFrame>"
    "<p:graphicFrame><p:oleObj progId='Word.Document.12' r:id='rId1'/></p:graphicFrame>"
    "<p:graphicFrame><p:oleObj progId='Equation.3' r:id='rId2'/></p:graphicFrame>"
    "<p:pic><p:nvPicPr><p:nvPr><a:videoFile r:link='rId3'/></p:nvPr></p:nvPicPr></p:pic>"
)


def _deck() -> bytes:
    links = relationships(("hyperlink", "https://a.example/f"), mode=_EXTERNAL).replace("rId1", "rId9")
    inner = relationships(
        ("package", "../embeddings/a.docx"),
        ("oleObject", "../embeddings/b.bin"),
        ("slideLayout", "../slideLayouts/l.xml"),
    ).replace("rId3", "rId4")
    rels = inner.replace("</Relationships>", re.sub(r"</?Relationships[^>]*>", "", links) + "</Relationships>")
    footer = shape("Secret", "ftr")
    parts: dict[str, str | bytes] = {
        "_rels/.rels": relationships(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f'<p xmlns:r="{R}"><sldIdLst><sldId r:id="rId1"/><sldId r:id="rId2"/></sldIdLst></p>',
        "ppt/_rels/presentation.xml.rels": relationships(("slide", "slides/a.xml"), ("slide", "slides/b.xml")),
        "ppt/slides/a.xml": slide(_TEXT, _FORMULA, _FRAMES, footer),
        "ppt/slides/b.xml": slide(shape("two", None), footer),
        "ppt/slides/_rels/a.xml.rels": rels,
        "ppt/embeddings/a.docx": word(paragraph("Inner.")),
        "ppt/embeddings/b.bin": b"\x01\x02\x00",
        "ppt/slideLayouts/l.xml": slide(shape("ACME Ltd", None), shape("Click to add", "body"), footer),
    }  # fmt: skip
    return package(**parts)


def test_parts_of_a_slide_beside_its_text_boxes() -> None:
    document = parse("pptx", _deck())
    assert document.text == (
        "The form is here, page (https://a.example/f)\n\nx^2\n\nSales by year\n\nSecret\n\ntwo\n\nACME Ltd\n\n"
        "a.docx\n\nInner."
    )
    assert document.warnings == [
        "Embedded objects that were not read: b.bin (Equation.3).",
        "Slide 1 has a film or a recording, which was not read.",
    ]  # fmt: skip
