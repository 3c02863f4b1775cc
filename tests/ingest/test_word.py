"""Word documents are read completely, in the visible order, and warnings list the omitted parts."""

from __future__ import annotations

import io
import zipfile

import pytest

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument
from svc.ingest.parse import parse
from tests.ingest.office_files import STRICT_R, STRICT_W, W, paragraph, relationships, word

NUMBERING = (
    f'<w:numbering xmlns:w="{W}"><w:abstractNum w:abstractNumId="0">'
    '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>'
    '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>'
    '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    '<w:num w:numId="2"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/>'
    "</w:lvlOverride></w:num></w:numbering>"
)


def read(data: bytes) -> ReadDocument:
    return parse("docx", data)


def item(text: str, level: int = 0, number: int = 1) -> str:
    return paragraph(text, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>')


def test_list_items_have_the_numbers_that_word_shows() -> None:
    body = item("Pay.") + item("In euros.", 1) + item("By bank.", 1) + item("Deliver.") + item("At once.", 1)
    document = read(
        word(body + item("Fifth.", 0, 2), ("numbering", "numbering.xml"), parts={"numbering.xml": NUMBERING})
    )
    assert document.text == "1. Pay.\n1.a) In euros.\n1.b) By bank.\n2. Deliver.\n2.a) At once.\n5. Fifth."


def test_headings_have_the_levels_of_their_styles() -> None:
    styles = (
        f'<w:styles xmlns:w="{W}"><w:style w:styleId="a1"><w:name w:val="heading 1"/></w:style>'
        '<w:style w:styleId="mine"><w:name w:val="Chapter"/><w:basedOn w:val="a1"/></w:style>'
        '<w:style w:styleId="low"><w:name w:val="x"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style></w:styles>'
    )
    body = "".join(
        paragraph(style, f'<w:pStyle w:val="{style}"/>') for style in ("a1", "mine", "low", "Heading2", "none")
    )
    document = read(word(body, ("styles", "styles.xml"), parts={"styles.xml": styles}))
    assert [(block.kind, block.level) for block in document.blocks] == [
        ("heading", 1), ("heading", 1), ("heading", 3), ("heading", 2), ("text", 0),
    ]  # fmt: skip


def test_comments_are_read_with_their_authors() -> None:
    comments = (
        f'<w:comments xmlns:w="{W}"><w:comment w:author="Ann">{paragraph("Forty days.")}</w:comment></w:comments>'
    )
    document = read(word(paragraph("Thirty days."), ("comments", "comments.xml"), parts={"comments.xml": comments}))
    assert document.text == "Thirty days.\n\nComment by Ann: Forty days."
    assert document.blocks[1].place == {"part": "comments"}


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.html", "<html><h1>Terms</h1><p>Bind<b>ing</b>.</p>", "Terms\n\nBinding."),
        ("a.txt", "Binding.", "Binding."),
        ("a.docx", word(paragraph("Binding.")), "Binding."),
    ],
)
def test_a_file_inserted_in_another_format_is_read(name: str, content: str | bytes, text: str) -> None:
    body = paragraph("Before.") + '<w:altChunk r:id="rId1"/>' + paragraph("After.")
    document = read(word(body, ("aFChunk", name), parts={name: content}))
    assert document.text == f"Before.\n\n{text}\n\nAfter."


def test_an_inserted_file_that_cannot_be_read_is_named() -> None:
    body = paragraph("Before.") + '<w:altChunk r:id="rId1"/><w:altChunk r:id="rId9"/>'
    document = read(word(body, ("aFChunk", "a.wps"), parts={"a.wps": b"\x00"}))
    assert document.text == "Before."
    assert len(document.warnings) == 2
    assert "of type wps was not read" in document.warnings[0]


CHART = (
    '<c:chartSpace xmlns:c="c" xmlns:a="a"><c:chart><c:title><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:title>'
    "<c:ser><c:tx><c:v>2026</c:v></c:tx><c:cat><c:pt><c:v>north</c:v></c:pt><c:pt><c:v>south</c:v></c:pt></c:cat>"
    "<c:val><c:pt><c:v>5</c:v></c:pt><c:pt><c:v>7</c:v></c:pt></c:val></c:ser></c:chart></c:chartSpace>"
)
DIAGRAM = '<d:dataModel xmlns:d="d" xmlns:a="a"><a:p><a:t>Plan</a:t></a:p><a:p><a:t>Build</a:t></a:p></d:dataModel>'


def test_the_text_of_charts_and_diagrams_is_read() -> None:
    drawing = (
        '<w:p><w:r><w:drawing><c:chart xmlns:c="c" r:id="rId1"/></w:drawing></w:r></w:p>'
        '<w:p><w:r><w:drawing><d:relIds xmlns:d="d" r:dm="rId2"/></w:drawing></w:r></w:p>'
    )
    parts: dict[str, str | bytes] = {"charts/c.xml": CHART, "diagrams/d.xml": DIAGRAM}
    document = read(word(drawing, ("chart", "charts/c.xml"), ("diagramData", "diagrams/d.xml"), parts=parts))
    assert document.text == "Sales\n\n| 2026\nnorth | 5\nsouth | 7\n\nPlan\nBuild"
    assert document.warnings == []


def test_an_image_is_its_description_or_is_named_as_not_read() -> None:
    image = "<w:p><w:r><w:drawing><x:inline xmlns:x='x'><x:docPr {}/><x:blip/></x:inline></w:drawing></w:r></w:p>"
    document = read(word(paragraph("Text.") + image.format("descr='A map'") + image.format("")))
    assert document.text == "Text.\n\nA map"
    assert document.warnings == ["1 image has no description and was not read."]


def test_hidden_text_and_placeholders_are_not_read() -> None:
    body = (
        "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r><w:r><w:t>shown</w:t></w:r>"
        "<w:r><w:rPr><w:vanish w:val='0'/></w:rPr><w:t> too</w:t></w:r></w:p>"
        "<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>"
        + paragraph("Click here")
        + "</w:sdtContent></w:sdt>"
    )
    assert read(word(body)).text == "shown too"


def test_symbols_have_their_letters() -> None:
    body = (
        '<w:p><w:r><w:sym w:font="Symbol" w:char="F061"/></w:r><w:r><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>'
        "<w:r><w:t>x</w:t><w:softHyphen/><w:t>y</w:t><w:noBreakHyphen/><w:t>z</w:t></w:r></w:p>"
    )
    assert read(word(body)).text == "α✓xy-z"


@pytest.mark.parametrize(
    "target", ["nowhere.xml", "#anchor", "media/missing.png", "../docProps/thumbnail.jpeg", "%zz", ""]
)
def test_a_reference_to_nothing_is_no_damage(target: str) -> None:
    document = read(word(paragraph("Whole."), ("image", target), ("comments", target)))
    assert (document.text, document.warnings) == ("Whole.", [])


def test_a_damaged_part_is_named_and_the_others_are_read() -> None:
    document = read(word(paragraph("Whole."), ("comments", "comments.xml"), parts={"comments.xml": "<w:comm"}))
    assert document.text == "Whole."
    assert document.warnings == ["Not read, because they are damaged: word/comments.xml."]


def test_a_damaged_member_of_the_archive_is_as_a_damaged_part() -> None:
    data = bytearray(word(paragraph("Whole."), ("comments", "comments.xml"), parts={"comments.xml": "<a>" + "x" * 500}))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        at = archive.getinfo("word/comments.xml").header_offset
    data[at + 52 : at + 56] = b"\xff\xff\xff\xff"
    document = read(bytes(data))
    assert document.text == "Whole."
    assert "word/comments.xml" in document.warnings[0]


def test_a_document_whose_main_part_is_damaged_is_rejected() -> None:
    with pytest.raises(DocumentRejectedError, match="main part is missing or damaged"):
        read(word("<w:p"))


def test_strict_ooxml_is_read() -> None:
    note = f'<w:footnotes xmlns:w="{STRICT_W}"><w:footnote>{paragraph("A note.")}</w:footnote></w:footnotes>'
    body = paragraph("Leave", '<w:pStyle w:val="Heading1"/>') + paragraph("Strict.")
    data = word(body, ("footnotes", "footnotes.xml"), parts={"footnotes.xml": note}, w=STRICT_W, r=STRICT_R)
    document = read(data)
    assert document.text == "Leave\n\nStrict.\n\nA note."
    assert document.blocks[0].kind == "heading"


def test_a_table_that_lays_out_a_page_is_read_as_text() -> None:
    cell = paragraph("Leave", '<w:pStyle w:val="Heading1"/>') + paragraph("Text.")
    document = read(word(f"<w:tbl><w:tr><w:tc>{cell}</w:tc></w:tr></w:tbl>"))
    assert [block.kind for block in document.blocks] == ["heading", "text"]


def test_links_show_where_they_lead() -> None:
    rels = relationships(
        ("hyperlink", "https://a.example/f"), ("hyperlink", "Annex.docx"), mode="TargetMode='External'"
    )
    run = "<w:r><w:t>{}</w:t></w:r>"
    field = (
        "<w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText> HYPERLINK \"https://b.example\" </w:instrText>"
        "</w:r><w:r><w:fldChar w:fldCharType='separate'/></w:r>" + run.format("there")
        + "<w:r><w:fldChar w:fldCharType='end'/></w:r>"
    )  # fmt: skip
    body = (
        f"<w:p><w:hyperlink r:id='rId1'>{run.format('The form')}</w:hyperlink>{run.format(', or ')}{field}"
        f"<w:hyperlink r:id='rId2'>{run.format(' annexed')}</w:hyperlink>"
        f"<w:hyperlink w:anchor='x'>{run.format(' inside')}</w:hyperlink></w:p>"
    )
    document = read(word(body, parts={"_rels/document.xml.rels": rels}))
    assert document.text == "The form, or there annexed inside (https://a.example/f, https://b.example, Annex.docx)"


def test_embedded_files_are_read_below_the_document_or_named() -> None:
    objects = (
        "<w:p><w:r><w:t>See below.</w:t></w:r><w:r><w:object><o:OLEObject xmlns:o='o' ProgID='Word.Document.12' "
        "r:id='rId1'/></w:object><w:object><o:OLEObject xmlns:o='o' ProgID='Visio.Drawing.11' r:id='rId2'/></w:object>"
        "</w:r></w:p>"
    )
    parts: dict[str, str | bytes] = {
        "embeddings/a.docx": word(paragraph("Inner.")),
        "embeddings/b.bin": b"\x01\x02\x00",
    }
    document = read(word(objects, ("package", "embeddings/a.docx"), ("oleObject", "embeddings/b.bin"), parts=parts))
    assert document.text == "See below.\n\na.docx\n\nInner."
    assert document.blocks[2].place == {"embedded": "a.docx"}
    assert document.warnings == ["Embedded objects that were not read: b.bin (Visio.Drawing.11)."]


def test_changes_and_hidden_text_are_named_and_forms_formulas_and_hints_are_read() -> None:
    body = (
        "<w:p><w:del><w:r><w:delText>no</w:delText></w:r></w:del><w:ins><w:r><w:t>yes </w:t></w:r></w:ins>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>"
        "<w:ruby><w:rt><w:r><w:t>kan</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>漢</w:t></w:r></w:rubyBase></w:ruby>"
        "<m:oMath xmlns:m='m'><m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>"
        "</m:oMath><w:r><w:fldChar w:fldCharType='begin'><w:ffData><w:ddList><w:result w:val='1'/>"
        "<w:listEntry w:val='red'/><w:listEntry w:val=' blue'/></w:ddList></w:ffData></w:fldChar></w:r></w:p>"
    )
    document = read(word(body))
    assert document.text == "yes 漢(kan)1/2 blue"
    assert document.warnings == [
        "Deleted text that the document keeps as tracked changes was not read.", "Hidden text was not read.",
    ]  # fmt: skip


def test_items_in_the_cells_of_a_table_are_counted() -> None:
    row = f"<w:tr><w:tc>{item('Pay.')}</w:tc><w:tc>{paragraph('now')}</w:tc></w:tr>"
    body = f"<w:tbl>{row}{row}</w:tbl>{item('Wait.')}"
    document = read(word(body, ("numbering", "numbering.xml"), parts={"numbering.xml": NUMBERING}))
    assert document.text == "1. Pay. | now\n2. Pay. | now\n\n3. Wait."
