"""Workbooks are read completely: all visible parts of a sheet are read, or listed in the warnings."""

from __future__ import annotations

import io
import zipfile

import pytest

from svc.ingest.parse import parse
from tests.ingest.office_files import package, paragraph, relationships, word
from tests.ingest.test_formats import workbook

_DRAWING = (
    "<d xmlns:a='a'><sp><a:p><a:t>A box</a:t></a:p></sp>"
    "<pic><x:nvPicPr xmlns:x='x'><x:cNvPr descr=''/></x:nvPicPr></pic>"
    "<pic><x:nvPicPr xmlns:x='x'><x:cNvPr descr='A map'/></x:nvPicPr></pic></d>"
)


def _with_parts(data: bytes, sheet: str, parts: dict[str, str | bytes]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        kept: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    first = kept["xl/worksheets/s1.xml"]
    assert isinstance(first, bytes)
    kept["xl/worksheets/s1.xml"] = first.replace(b"</worksheet>", f"{sheet}</worksheet>".encode())
    return package(**kept, **parts)


def test_parts_of_a_sheet_beside_its_cells() -> None:
    rows = (
        "<row><c r='A1' t='inlineStr'><is><t>site</t></is></c>"
        "<c r='B1' t='inlineStr'><is><t>n_x000D_b</t></is></c></row>"
        "<row><c r='A2' t='inlineStr'><is><t>form</t></is></c><c r='B2'><f>A1*2</f></c></row>"
        "<row><c r='A3' t='str'><f>HYPERLINK(\"https://b.example\",\"there\")</f><v>there</v></c></row>"
    )
    links = relationships(("hyperlink", "https://a.example/f"), mode="TargetMode='External'").replace("rId1", "rId9")
    link = links[links.index("<Relationship Id") : links.index("</R")]
    inner = relationships(
        ("drawing", "../drawings/d.xml"), ("package", "../embeddings/a.docx"), ("vmlDrawing", "../drawings/v.vml")
    )
    parts: dict[str, str | bytes] = {
        "xl/worksheets/_rels/s1.xml.rels": inner.replace("</R", f"{link}</R"),
        "xl/drawings/d.xml": _DRAWING,
        "xl/drawings/v.vml": (
            "<xml xmlns:x='x' xmlns:v='v'><v:shape><v:textbox><div>Press me<br/></div></v:textbox>"
            "<x:ClientData ObjectType='Button'/></v:shape><v:shape><v:textbox>no</v:textbox>"
            "<x:ClientData ObjectType='Note'/></v:shape></xml>"
        ),
        "xl/embeddings/a.docx": word(paragraph("Inner.")),
    }
    sheet = (
        "<dataValidations><dataValidation sqref='B2' prompt='Whole numbers &amp; none else'/></dataValidations>"
        "<hyperlinks><hyperlink ref='A2' r:id='rId9'/></hyperlinks>"
        '<headerFooter><oddFooter>&amp;L&amp;"Arial"&amp;9Secret&amp;R&amp;P</oddFooter></headerFooter>'
    )
    document = parse("xlsx", _with_parts(workbook({"S": rows}), sheet, parts))
    assert document.text == (
        "S\n\nsite: form (https://a.example/f)\n\nsite: there (https://b.example)\n\n"
        "Hint on B2: Whole numbers & none else\n\nA box\n\nA map\n\nPress me\n\nSecret\n\na.docx\n\nInner."
    )
    assert document.warnings == [
        "1 image has no description and was not read.",
        "1 formula has no result in the file; Excel stores the results when it saves the workbook.",
    ]


def test_numbers_have_the_units_that_are_shown() -> None:
    codes = ["0%", '0.0" kg"', "[$€-407]\\ #,##0.00", "[h]:mm", "yyyy-mm-dd", "0,", '"yes";;"no"', "[Red]0.00"]
    formats = "".join(f"<numFmt numFmtId='{n}' formatCode='{code}'/>" for n, code in enumerate(codes, 164))
    styles = f"<numFmts>{formats}</numFmts><cellXfs><xf/>" + "".join(
        f"<xf numFmtId='{n}'/>" for n in range(164, 164 + len(codes))
    )
    cells = "".join(f"<c s='{n}'><v>1.5</v></c>" for n in range(1, len(codes) + 1))
    head = "".join(f"<c t='inlineStr'><is><t>{letter}</t></is></c>" for letter in "abcdefgh")
    document = parse("xlsx", workbook({"S": f"<row>{head}</row><row>{cells}</row>"}, styles=f"{styles}</cellXfs>"))
    assert document.text == (
        "S\n\na: 150%\nb: 1.5 kg\nc: € 1.5\nd: 36:00:00\ne: 1900-01-01 12:00:00\nf: 1.5\ng: 1.5\nh: 1.5"
    )


@pytest.mark.parametrize(
    ("epoch", "dates"),
    [
        ("", "a: 1900-01-01\nb: 1900-02-28\nc: 1900-03-01\nd: 00:00:00\ne: 06:00:00"),
        ("date1904='1'", "a: 1904-01-02\nb: 1904-02-29\nc: 1904-03-02\nd: 1904-01-01\ne: 06:00:00"),
    ],
)
def test_the_first_days_of_both_calendars(epoch: str, dates: str) -> None:
    styles = "<numFmts><numFmt numFmtId='164' formatCode='d. mmm yyyy'/></numFmts>"
    styles += "<cellXfs><xf/><xf numFmtId='164'/><xf numFmtId='20'/></cellXfs>"
    head = "".join(f"<c t='inlineStr'><is><t>{letter}</t></is></c>" for letter in "abcde")
    cells = "".join(f"<c s='1'><v>{number}</v></c>" for number in (1, 59, 61, 0)) + "<c s='2'><v>0.25</v></c>"
    data = workbook({"S": f"<row>{head}</row><row>{cells}</row>"}, styles=styles, properties=epoch)
    assert parse("xlsx", data).text == f"S\n\n{dates}"
