"""One odd or damaged part of a file does not affect the rest: the rest is read, and the part is named."""

from __future__ import annotations

import pytest

from svc.errors import DocumentRejectedError
from svc.ingest.parse import parse
from tests.ingest.office_files import R, W, package, paragraph, relationships, word
from tests.ingest.test_formats import shape, slide, workbook

_CELL = "<c t='inlineStr'><is><t>{}</t></is></c>"
_OFFICE = (
    "xmlns:office='urn:oasis:names:tc:opendocument:xmlns:office:1.0' "
    "xmlns:text='urn:oasis:names:tc:opendocument:xmlns:text:1.0' "
    "xmlns:table='urn:oasis:names:tc:opendocument:xmlns:table:1.0'"
)
_MANIFEST = (
    "<package><manifest><item id='a' href='a.xhtml'/><item id='b' href='b.xhtml'/><item id='c' href='c.xhtml'/>"
    "</manifest>"
    "<spine><itemref idref='a'/><itemref idref='b'/><itemref idref='c'/></spine></package>"
)


def _word_part(name: str, content: str) -> str:
    return f"<w:{name} xmlns:w='{W}'>{content}</w:{name}>"


def _word(document: str, references: str, **parts: str) -> bytes:
    return package(
        _rels___DOT_rels=relationships(("officeDocument", "word/document.xml")),
        word__document_DOT_xml=document,
        word___rels__document_DOT_xml_DOT_rels=references,
        **{f"word__{name}_DOT_xml": content for name, content in parts.items()},
    )


def _deck(references: str, presentation: str = "", **parts: str) -> bytes:
    listed = "".join(f"<p:sldId xmlns:r='{R}' r:id='rId{number}'/>" for number in (1, 2, 3))
    whole = f"<p:presentation xmlns:p='p'><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>"
    return package(
        _rels___DOT_rels=relationships(("officeDocument", "ppt/presentation.xml")),
        ppt__presentation_DOT_xml=presentation or whole,
        ppt___rels__presentation_DOT_xml_DOT_rels=references,
        **{f"ppt__slides__slide{number}_DOT_xml": slide(shape(f"Slide {number}", "title")) for number in (10, 2, 1)},
        **parts,
    )


def _book(manifest: str, **chapters: str) -> bytes:
    return package(
        mimetype="application/epub+zip",
        **{"META-INF/container.xml": "<c><rootfiles><rootfile full-path='book.opf'/></rootfiles></c>"},
        book_DOT_opf=manifest,
        **{f"{name}_DOT_xhtml": f"<html><body>{body}</body></html>" for name, body in chapters.items()},
    )


def _open_document(kind: str, body: str, *, is_cut: bool = False, **parts: str) -> bytes:
    content = f"<office:document-content {_OFFICE}><office:body><office:{kind}>{body}"
    end = "" if is_cut else f"</office:{kind}></office:body></office:document-content>"
    return package(
        mimetype=f"application/vnd.oasis.opendocument.{kind}", content_DOT_xml=content + end,
        **{f"{name}_DOT_xml": part for name, part in parts.items()},
    )  # fmt: skip


def test_the_parts_of_a_word_document_are_found_without_its_references() -> None:
    heading = paragraph("Title", "<w:pStyle w:val='T'/>")
    document = parse(
        "docx",
        _word(
            _word_part("document", f"<w:body>{heading}{paragraph('Text.')}</w:body>"),
            "<Relationships",
            styles=_word_part("styles", "<w:style w:styleId='T'><w:name w:val='heading 1'/></w:style>"),
            footnotes=_word_part("footnotes", f"<w:footnote>{paragraph('A note')}</w:footnote>"),
            header1=_word_part("hdr", paragraph("A header")),
        ),
    )
    assert document.text == "Title\n\nText.\n\nA note\n\nA header"
    assert document.blocks[0].kind == "heading"
    assert document.warnings == ["Not read, because they are damaged: word/_rels/document.xml.rels."]


def test_the_main_part_is_found_by_its_type() -> None:
    type_ = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    data = package(
        _rels___DOT_rels="<Rel",
        word__other_DOT_xml=_word_part("document", f"<w:body>{paragraph('Text.')}</w:body>"),
        **{"[Content_Types].xml": f"<Types><Override PartName='/word/other.xml' ContentType='{type_}'/></Types>"},
    )
    assert parse("docx", data).text == "Text."


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (f"{paragraph('One.')}{paragraph('Two &nbsp;&eacute; &amp; AT&T.')}", "One.\n\nTwo \xa0é & AT&T."),
        (paragraph("One.") + paragraph("T\x01wo."), "One.\n\nT wo."),
        (f"{paragraph('One.')}<w:p><w:r><w:t>Cut", "One.\n\nCut"),
    ],
)
def test_damaged_xml_is_read_as_far_as_possible(body: str, text: str) -> None:
    document = parse(
        "docx", _word(f"<w:document xmlns:w='{W}'><w:body>{body}</w:body></w:document>", "<Relationships/>")
    )
    assert document.text == text
    assert document.warnings == ["Damaged, and read as far as possible: word/document.xml."]


def test_xml_in_another_encoding_than_it_says_is_read() -> None:
    body = _word_part("document", f"<w:body>{paragraph('Größe für alle')}</w:body>")
    part = f"<?xml version='1.0' encoding='UTF-8'?>{body}"
    data = package(
        _rels___DOT_rels=relationships(("officeDocument", "word/document.xml")),
        word__document_DOT_xml=part.encode("cp1252"),
    )
    assert parse("docx", data).text == "Größe für alle"


def test_the_sheets_of_a_workbook_are_found_without_its_references() -> None:
    row = f"<row>{_CELL.format('seen')}<c t='s'><v>0</v></c></row>"
    data = package(
        xl__workbook_DOT_xml=f"<workbook xmlns:r='{R}'><sheets><sheet name='A' r:id='rId1'/>"
        "<sheet name='B' r:id='rId2'/></sheets></workbook>",
        xl___rels__workbook_DOT_xml_DOT_rels="<Relationships",
        xl__worksheets__sheet2_DOT_xml=f"<worksheet><sheetData><row>{_CELL.format('second')}</row></sheetData></worksheet>",
        xl__worksheets__sheet1_DOT_xml=f"<worksheet><sheetData>{row}</sheetData></worksheet>",
        xl__sharedStrings_DOT_xml="<sst><si><t>shared</t></si></sst>",
    )
    assert parse("xlsx", data).text == "A\n\nseen, shared\n\nB\n\nsecond"


def test_the_rows_around_damage_in_a_sheet_are_read() -> None:
    rows = [
        f"<row>{_CELL.format(name)}{_CELL.format(value)}</row>"
        for name, value in (("n", "v"), ("a", "&bad;1"), ("b", "2"))
    ]
    document = parse("xlsx", workbook({"S": "".join(rows)}))
    assert document.text == "S\n\nn: a\nv: &bad;1\n\nn: b\nv: 2"
    assert document.warnings == ["The sheet S is damaged and was read in part."]


def test_cells_whose_texts_are_missing_are_counted() -> None:
    row = f"<row>{_CELL.format('a')}<c t='s'><v>7</v></c></row>"
    assert parse("xlsx", workbook({"S": row})).warnings == [
        "1 cell refers to a text that is missing or damaged, and was not read."
    ]


def test_a_binary_workbook_is_called_so() -> None:
    with pytest.raises(DocumentRejectedError, match=r"binary form \(.xlsb\); save it as .xlsx"):
        parse("xlsx", package(xl__workbook_DOT_bin="x"))


def test_values_with_names_are_read() -> None:
    names = (
        "<definedNames><definedName name='TaxRate' comment='in Italy'>0.22</definedName>"
        '<definedName name=\'Area\'>S!$A$1:$B$9</definedName><definedName name=\'Greeting\'>"Say ""hi"""</definedName>'
        "<definedName name='_xlnm.Print_Area'>1</definedName><definedName name='Off' hidden='1'>2</definedName>"
        "</definedNames>"
    )
    data = package(
        xl__workbook_DOT_xml=f"<workbook xmlns:r='{R}'><sheets><sheet name='S' r:id='rId1'/></sheets>"
        f"{names}</workbook>",
        xl___rels__workbook_DOT_xml_DOT_rels=relationships(("worksheet", "worksheets/sheet1.xml")),
        xl__worksheets__sheet1_DOT_xml=f"<worksheet><sheetData><row>{_CELL.format('a')}</row></sheetData></worksheet>",
    )
    assert parse("xlsx", data).text == 'S\n\na\n\nTaxRate: 0.22 (in Italy)\nGreeting: Say "hi"'


def test_the_slides_of_a_deck_are_found_without_its_references() -> None:
    for data in (
        _deck("<Relationships"),
        _deck(relationships(("slide", "slides/slide1.xml")), "<p:presentation"),
    ):
        assert parse("pptx", data).text == "Slide 1\n\nSlide 2\n\nSlide 10"


def test_notes_of_a_slide_whose_references_are_damaged_are_read_and_other_damage_is_named() -> None:
    references = relationships(*(("slide", f"slides/slide{number}.xml") for number in (1, 2, 10)))
    document = parse(
        "pptx",
        _deck(
            references,
            ppt__slides___rels__slide1_DOT_xml_DOT_rels="<Relationships",
            ppt__notesSlides__notesSlide1_DOT_xml=slide(shape("Say this.", "body")),
            ppt__slides___rels__slide2_DOT_xml_DOT_rels=relationships(("notesSlide", "../notesSlides/other.xml")),
            ppt__notesSlides__other_DOT_xml="<p:notes",
        ),
    )
    assert document.text == "Slide 1\n\nNotes: Say this.\n\nSlide 2\n\nSlide 10"
    assert document.warnings == [
        "Not read, because they are damaged: ppt/notesSlides/other.xml, ppt/slides/_rels/slide1.xml.rels."
    ]


def test_the_words_of_a_comment_come_before_its_replies() -> None:
    reply = "<replyLst><reply><txBody><t>I agree.</t></txBody></reply></replyLst>"
    comment = f"<cm>{reply}<txBody><t>Shorten this.</t></txBody></cm>"
    document = parse(
        "pptx",
        _deck(
            relationships(("slide", "slides/slide1.xml")),
            f"<p:presentation xmlns:p='p'><p:sldIdLst><p:sldId xmlns:r='{R}' r:id='rId1'/></p:sldIdLst>"
            "</p:presentation>",
            ppt__slides___rels__slide1_DOT_xml_DOT_rels=relationships(("comments", "../comments/c.xml")),
            ppt__comments__c_DOT_xml=f"<cmLst>{comment}</cmLst>",
        ),
    )
    assert document.text == "Slide 1\n\nComment: Shorten this.\n\nComment: I agree."


def test_damaged_open_documents_are_read_as_far_as_possible() -> None:
    text = parse("odt", _open_document("text", "<text:p>One.</text:p><text:p>Two", is_cut=True, styles="<s"))
    assert text.text == "One.\n\nTwo"
    assert text.warnings == [
        "Not read, because they are damaged: styles.xml.", "Damaged, and read as far as possible: content.xml.",
    ]  # fmt: skip
    rows = "".join(
        f"<table:table-row><table:table-cell><text:p>{row}</text:p></table:table-cell></table:table-row>"
        for row in "ab"
    )
    sheet = parse("ods", _open_document("spreadsheet", f"<table:table table:name='S'>{rows}<table:t", is_cut=True))
    assert sheet.text == "S\n\na: b"


def test_text_that_is_nested_deeply_is_read_without_its_structure() -> None:
    for name in ("section", "list-item", "span"):
        inside = "<text:p>deep</text:p>" if name != "span" else "deep"
        nested = f"<text:{name}>" * 900 + inside + f"</text:{name}>" * 900
        body = f"<text:p>{nested}</text:p>" if name == "span" else f"<text:list>{nested}</text:list>"
        document = parse("odt", _open_document("text", f"<text:p>Before.</text:p>{body}<text:p>After.</text:p>"))
        assert document.text.replace("- ", "") == "Before.\n\ndeep\n\nAfter."


def test_a_chapter_that_is_nested_too_deeply_is_read_without_its_structure() -> None:
    deep = "<div>" * 3000 + "deep <b>words</b>" + "</div>" * 3000
    document = parse("epub", _book(_MANIFEST, a="<p>One.</p>", b=f"<h1>Two</h1>{deep}", c="<p>Three.</p>"))
    assert document.text == "One.\n\nTwo\n\ndeep words\n\nThree."
    assert document.warnings == ["The page is nested too deeply; its text was read without its structure."]


def test_a_book_whose_list_of_chapters_is_damaged_is_read_in_the_order_of_the_names() -> None:
    for manifest in ("", _MANIFEST[:60]):
        document = parse("epub", _book(manifest, a="<p>One.</p>", c10="<p>Ten.</p>", c2="<p>Two.</p>"))
        assert document.text == "One.\n\nTwo.\n\nTen."
        assert document.warnings


def test_images_in_headers_placeholders_and_building_blocks_of_word_are_named() -> None:
    drawing = "<w:drawing><x:inline xmlns:x='x'><x:docPr/><x:blip/></x:inline></w:drawing>"
    image = f"<w:p><w:r><w:t>Logo</w:t>{drawing}</w:r></w:p>"
    field = (
        "<w:p><w:r><w:t>Name: </w:t></w:r><w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>"
        "<w:r><w:t>Click here</w:t></w:r></w:sdtContent></w:sdt></w:p>"
    )
    document = parse(
        "docx",
        word(
            field, ("header", "header1.xml"), ("glossaryDocument", "glossary/document.xml"),
            parts={"header1.xml": _word_part("hdr", image), "glossary/document.xml": "<g/>"},
        ),
    )  # fmt: skip
    assert document.text == "Name:\n\nLogo"
    assert document.warnings == [
        "Images without a description in headers or footers were not read.",
        "The building blocks of the document were not read.",
        "The placeholder texts of empty fields were not read.",
    ]


def test_columns_that_a_cell_covers_stay_in_their_places() -> None:
    def row(*cells: tuple[str, int]) -> str:
        return "".join(
            f"<w:tc><w:tcPr><w:gridSpan w:val='{span}'/></w:tcPr>{paragraph(text)}</w:tc>" for text, span in cells
        )

    table = f"<w:tbl><w:tr>{row(('a', 2), ('b', 1))}</w:tr><w:tr>{row(('1', 1), ('2', 1), ('3', 1))}</w:tr></w:tbl>"
    assert parse("docx", word(table)).text == "a |  | b\n1 | 2 | 3"


def test_inserted_files_of_word_are_read_or_named() -> None:
    for name, content, text, warnings in (
        ("a.rtf", rb"{\rtf1 Inserted.\par}", "Inserted.\n\nAfter.", 0),
        ("a.dat", b"<html><body><p>Inserted.", "Inserted.\n\nAfter.", 0),
        ("a.docx", b"PK\x03\x04 cut off", "After.", 2),
        ("a.bin", bytes(99), "After.", 1),
    ):
        body = f"<w:altChunk r:id='rId1'/>{paragraph('After.')}"
        document = parse("docx", word(body, ("aFChunk", name), parts={name: content}))
        assert (document.text, len(document.warnings)) == (text, warnings)


def test_cells_of_word_that_cover_rows_are_repeated() -> None:
    def row(first: str, second: str, merge: str = "") -> str:
        merged = f"<w:tcPr>{merge}</w:tcPr>"
        return f"<w:tr><w:tc>{merged}{paragraph(first)}</w:tc><w:tc>{paragraph(second)}</w:tc></w:tr>"

    rows = [
        row("City", "Year"), row("Ulm", "2019", "<w:vMerge w:val='restart'/>"), row("", "2020", "<w:vMerge/>"),
        row("Bern", "2021"), row("", "2022"),
    ]  # fmt: skip
    table = f"<w:tbl>{''.join(rows)}</w:tbl>"
    assert parse("docx", word(table)).text == "City | Year\nUlm | 2019\nUlm | 2020\nBern | 2021\n | 2022"


def test_titles_of_images_replace_missing_descriptions() -> None:
    drawing = "<w:drawing><x:inline xmlns:x='x'><x:docPr title='A map'/><x:blip/></x:inline></w:drawing>"
    assert parse("docx", word(f"<w:p><w:r>{drawing}</w:r></w:p>")).text == "A map"
