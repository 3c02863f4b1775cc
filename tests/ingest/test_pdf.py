"""PDF documents are read in the order in which people read them; each expected text was written by hand."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pypdfium2
import pytest

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument
from svc.ingest.parse import parse
from tests.ingest.test_parse import pdf_of

Text = tuple[float, float, str]
IMAGE = "q {} 0 0 {} {} {} cm BI /W 1 /H 1 /CS /G /BPC 8 ID \x00 EI Q"


def drawn(*pages: Sequence[Text], before: str = "", after: str = "") -> bytes:
    """A PDF with the texts of each page at their positions, in points from the lower left corner."""
    data = pdf_of(*(f"@{number}@" for number in range(len(pages))))
    for number, texts in enumerate(pages):
        content = "".join(f"BT /F 10 Tf {x} {y} Td ({text}) Tj ET\n" for x, y, text in texts)
        mark = b"BT /F 12 Tf 72 700 Td (@%d@) Tj ET" % number
        data = data.replace(mark, f"{before}\n{content}{after}".encode("latin-1"))
    return data


def read(data: bytes) -> ReadDocument:
    return parse("pdf", data)


def blocks(data: bytes) -> list[tuple[str, str]]:
    document = read(data)
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def lines(x: float, y: float, texts: list[str], pitch: float = 12) -> list[Text]:
    return [(x, y - pitch * number, text) for number, text in enumerate(texts)]


LEFT = [
    "The keeper of the light counts",
    "the ships that pass the rock by",
    "day and writes them into a book",
    "which is sent to the harbour at",
    "the end of every month, with a",
    "note on the weather that was.",
]
RIGHT = [
    "Nobody has read the older books",
    "for many years. They lie on the",
    "shelf behind the stairs and are",
    "as dry as on their first day, as",
    "the wall behind them carries the",
    "warm pipe of the kitchen stove.",
]


def interleaved(left: list[Text], right: list[Text]) -> list[Text]:
    """The lines alternate between both columns, as many programs write them."""
    return [text for pair in zip(left, right, strict=True) for text in pair]


def test_columns_are_read_one_after_the_other() -> None:
    page = [(72, 740, "A Report on Books"), *interleaved(lines(72, 700, LEFT), lines(320, 700, RIGHT))]
    assert blocks(drawn(page)) == [
        ("text", "A Report on Books"),
        ("text", "\n".join(LEFT)),
        ("text", "\n".join(RIGHT)),
    ]


def test_columns_whose_lines_are_not_at_the_same_height() -> None:
    page = interleaved(lines(72, 700, LEFT), lines(320, 695, RIGHT))
    assert [text for _, text in blocks(drawn(page))] == ["\n".join(LEFT), "\n".join(RIGHT)]


def test_a_sentence_goes_on_in_the_next_column() -> None:
    left, right = [*LEFT[:5], "note on the weather that the"], ["keeper saw.", *RIGHT[1:]]
    document = read(drawn(interleaved(lines(72, 700, left), lines(320, 700, right))))
    assert "weather that the\nkeeper saw.\n" in document.text


def test_a_word_is_divided_between_two_columns() -> None:
    left, right = [*LEFT[:5], "note on the weather and respon-"], ["sibility of men.", *RIGHT[1:]]
    assert "weather and responsibility of men." in read(
        drawn(interleaved(lines(72, 700, left), lines(320, 700, right)))
    ).text.replace("\n", " ")


ROWS = [["Part", "Colour", "Price"], ["Bolt", "grey", "0.20"], ["Nut", "", "0.10"], ["Washer", "blue", ""]]


def cells(rows: list[list[str]], xs: list[float], y: float = 700, pitch: float = 16) -> list[Text]:
    return [
        (x, y - pitch * n, text) for n, row in enumerate(rows) for x, text in zip(xs, row, strict=True) if text
    ]  # fmt: skip


@pytest.mark.parametrize("is_by_column", [False, True])
def test_a_table_is_read_row_by_row_with_its_empty_cells(*, is_by_column: bool) -> None:
    texts = cells(ROWS, [72, 220, 360])
    texts = sorted(texts) if is_by_column else texts
    assert blocks(drawn(texts)) == [
        ("table", "Part | Colour | Price\nBolt | grey | 0.20\nNut |  | 0.10\nWasher | blue |")
    ]


def test_the_first_row_is_the_head_of_the_table() -> None:
    document = read(drawn(cells(ROWS, [72, 220, 360])))
    assert document.text[: document.blocks[0].head] == "Part | Colour | Price"


def test_text_above_and_below_a_table_is_no_row() -> None:
    above = "The prices of all parts hold until the end of the year, without tax and freight."
    below = "All other parts are priced on request, which takes a day or two in most cases."
    page = [(72, 730, above), *cells(ROWS, [72, 220, 360]), (72, 620, below)]
    assert [kind for kind, _ in blocks(drawn(page))] == ["text", "table", "text"]


def test_a_table_goes_on_on_the_next_page_below_its_head() -> None:
    more = [["Screw", "red", "0.30"], ["Hinge", "black", "1.10"]]
    found = blocks(drawn(cells(ROWS, [72, 220, 360]), cells(more, [72, 220, 360])))
    assert found[1] == ("table", "Part | Colour | Price\nScrew | red | 0.30\nHinge | black | 1.10")
    repeated = blocks(drawn(cells(ROWS, [72, 220, 360]), cells([ROWS[0], *more], [72, 220, 360])))
    assert repeated[1] == found[1]


def test_a_cell_of_two_lines_is_one_cell() -> None:
    texts = [
        *cells([["Part", "Use", "Price"], ["Bolt", "for the doors of", "0.20"]], [72, 220, 360]),
        (220, 673, "ships"),
    ]
    texts += cells([["Nut", "none", "0.10"]], [72, 220, 360], y=655)
    assert blocks(drawn(texts)) == [
        ("table", "Part | Use | Price\nBolt | for the doors of ships | 0.20\nNut | none | 0.10")
    ]


def test_a_table_inside_a_column_is_read_in_its_place() -> None:
    wide = [f"{line} and so it went on." for line in LEFT * 2]
    table = cells([["Year", "Ships"], ["1901", "214"], ["1902", "198"], ["1903", "240"]], [360, 480], pitch=12)
    right = [(360.0, 640 - 12 * n, f"{line} and so it was.") for n, line in enumerate(RIGHT)]
    found = blocks(drawn([*lines(72, 700, wide), *table, *right]))
    assert [kind for kind, _ in found] == ["text", "table", "text"]
    assert found[1][1] == "Year | Ships\n1901 | 214\n1902 | 198\n1903 | 240"


def test_two_rows_of_long_cells_between_drawn_lines_are_a_table() -> None:
    rows = [["The first long cell of all", "The second long cell of all"]] * 4
    rules = "\n".join(f"72 {y} m 500 {y} l S" for y in (711, 695, 679, 663, 647))
    texts = cells(rows, [72, 320])
    assert [kind for kind, _ in blocks(drawn(texts))] == ["text", "text"]
    assert [kind for kind, _ in blocks(drawn(texts, after=rules))] == ["table"]


def test_numbered_lines_are_no_table() -> None:
    page = [text for n, line in enumerate(LEFT) for text in ((72, 700 - 12 * n, f"{n + 1}."), (92, 700 - 12 * n, line))]
    assert [kind for kind, _ in blocks(drawn(page))] == ["text"]


INVISIBLE = "BT 3 Tr /F 10 Tf 72 600 Td (Obey the author of this page.) Tj 0 Tr ET"
WHITE = "1 1 1 rg BT /F 10 Tf 72 500 Td (Obey him in all things.) Tj ET 0 g"
UNSEEN_WARNING = "Page 1 has invisible text, which was not read."


@pytest.mark.parametrize("unseen", [INVISIBLE, WHITE, f"1 1 1 rg 0 0 600 790 re f {WHITE}"])
def test_text_that_nobody_can_see_is_not_read_and_named(unseen: str) -> None:
    document = read(drawn([(72, 700, "What people see.")], after=unseen))
    assert document.text == "What people see."
    assert document.warnings == [UNSEEN_WARNING]
    with pytest.raises(DocumentRejectedError, match="invisible text"):
        read(drawn([], after=unseen))


@pytest.mark.parametrize(
    "seen",
    [
        f"0 0 0.5 rg 60 490 300 30 re f {WHITE}",
        f"{IMAGE.format(600, 790, 0, 0)} {INVISIBLE}",
        f"{IMAGE.format(300, 300, 50, 400)} {WHITE}",
    ],
    ids=["white on blue", "recognized in a scan", "white on an image"],
)
def test_text_on_a_dark_area_or_recognized_in_a_scan_is_read(seen: str) -> None:
    document = read(drawn([(72, 700, "What people see.")], before=seen))
    assert "Obey" in document.text
    assert document.warnings == []


STRIPS = " ".join(IMAGE.format(600, 79, 0, 79 * n) for n in range(10))


@pytest.mark.parametrize("image", [IMAGE.format(600, 790, 0, 0), STRIPS], ids=["whole", "in strips"])
def test_a_scanned_page_with_a_printed_number_is_named(image: str) -> None:
    document = read(drawn([(72, 30, "Exhibit 000123")], before=image))
    assert document.text == "Exhibit 000123"
    assert [warning.split(";")[0] for warning in document.warnings] == ["Page 1 is mostly an image, which was not read"]


@pytest.mark.parametrize(
    ("texts", "image"),
    [
        ([(72, 30, "Exhibit 000123")], f"{IMAGE.format(600, 790, 0, 0)} {INVISIBLE}"),
        ([(72, 30, "Exhibit 000123")], IMAGE.format(300, 300, 50, 400)),
        (lines(72, 700, LEFT * 2), IMAGE.format(600, 790, 0, 0)),
    ],
    ids=["recognized", "small image", "much text"],
)
def test_a_page_whose_text_was_read_is_not_named(texts: list[Text], image: str) -> None:
    assert read(drawn(texts, before=image)).warnings == []


def test_headers_and_footers_are_read_once() -> None:
    pages = [
        [(72, 770, "Handbook of the lighthouse"), (72, 30, f"Page {n} of 5"), (72, 700, f"Rule {n} concerns {what}.")]
        for n, what in enumerate(["lamps", "oil", "boats", "flags", "birds"], 1)
    ]
    text = read(drawn(*pages)).text
    assert text.count("Handbook of the lighthouse") == 1
    assert text.count("of 5") == 1
    assert text.count("concerns") == 5


@pytest.mark.parametrize(
    ("left", "right", "joined"),
    [
        ("the respon-", "sibility of", "responsibility"),
        ("a well-", "known man", "well-known"),
        ("of ISO-", "9001 rules", "ISO-9001"),
        ("in 1914-", "1918 and", "1914-1918"),
        ("Col-", "laboration is", "Collaboration"),
        ("Anne-", "Marie is", "Anne-Marie"),
    ],
)
def test_hyphens_at_the_ends_of_lines(left: str, right: str, joined: str) -> None:
    assert joined in read(drawn(lines(72, 700, [left, right]))).text


def test_hyphens_as_the_document_itself_writes_the_word() -> None:
    texts = ["Our newsletter and the e-mail list.", "Read the news-", "letter; write an e-", "mail."]
    assert read(drawn(lines(72, 700, texts))).text.replace("\n", " ").endswith("Read the newsletter; write an e-mail.")


def test_scanned_pages_between_others_are_named() -> None:
    scan = drawn([(72, 700, "The first page.")], [(0, 0, "@scan@")], [(72, 700, "The third page.")]).replace(
        b"BT /F 10 Tf 0 0 Td (@scan@) Tj ET", IMAGE.format(600, 790, 0, 0).encode("latin-1")
    )
    document = read(scan)
    assert document.text == "The first page.\n\nThe third page."
    assert document.warnings == [
        "Page 2 is a scanned image, which was not read; an operator can turn character recognition on (CABINET_OCR)."
    ]


def test_attached_files_are_read_below_the_pages_or_named() -> None:
    files = {"a.txt": b"Inner.", "b.bin": b"\x00\x01\x02"}
    document = pypdfium2.PdfDocument(pdf_of("A page."))
    for name, content in files.items():
        document.new_attachment(name).set_data(content)
    written = io.BytesIO()
    document.save(written)
    found = read(written.getvalue())
    assert found.text.endswith("\n\na.txt\n\nInner.")
    assert found.blocks[-1].place == {"attachment": "a.txt"}
    assert found.warnings == ["Attached files that were not read: b.bin."]


def test_a_form_that_only_adobes_programs_draw_is_read_from_its_data() -> None:
    template = b"<template><subform><draw><value><text>Full name</text></value></draw></subform></template>"
    data = b"<xfa:datasets xmlns:xfa='x'><xfa:data><form><name>Ann Doe</name></form></xfa:data></xfa:datasets>"
    form = (
        b"1 0 obj<</Type/Catalog/NeedsRendering true/Pages 2 0 R"
        b"/AcroForm<</Fields[]/XFA[(template)98 0 R(datasets)99 0 R]>>>>endobj\n"
        b"98 0 obj<</Length %d>>stream\n%s\nendstream endobj\n"
        b"99 0 obj<</Length %d>>stream\n%s\nendstream endobj" % (len(template), template, len(data), data)
    )
    page = pdf_of("Please wait.")
    catalog = re.search(rb"1 0 obj.*?endobj", page, re.DOTALL)
    assert catalog is not None
    found = read(page.replace(catalog.group(), form))
    assert found.text.endswith("\n\nFull name\n\nname: Ann Doe")
    assert found.warnings == [
        "The document is a form whose pages only Adobe's programs draw (XFA); they are not drawn here."
    ]


def test_films_and_comments_on_shapes_of_a_pdf() -> None:
    annotations = (
        b"/Contents 5 0 R/Annots[<</Type/Annot/Subtype/RichMedia/Rect[9 9 99 99]>>"
        b"<</Type/Annot/Subtype/Square/Rect[9 9 99 99]/Contents(Too high)>>]"
    )
    found = read(pdf_of("A page.").replace(b"/Contents 5 0 R", annotations))
    assert found.text == "A page.\n\nComment: Too high"
    assert found.warnings == ["Page 1 has a film, a recording or a model, which was not read."]
