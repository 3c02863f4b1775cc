"""Texts in undeclared encodings or with folded lines, and Office documents in a single XML file."""

from __future__ import annotations

import base64

import pytest

from tests.ingest.office_files import W, package, paragraph
from tests.ingest.test_formats import text_of, warnings_of, workbook
from tests.ingest.test_more_formats import NAMESPACES

_RUSSIAN = "Это обычный текст.\nОн на двух строках."
_CHINESE = "这是没有字节顺序标记的中文文本。\n第二行也是。"
_NOISE = base64.b64encode(bytes(range(256)) * 3).decode()


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [_RUSSIAN, _CHINESE, "An English text."])
def test_wide_characters_without_a_byte_order_mark(codec: str, text: str) -> None:
    assert text_of("a.txt", text.encode(codec)) == text


def test_binary_data_is_no_wide_text() -> None:
    for data in (bytes(range(256)) * 8, b"\x7fELF\2\1\1" + bytes(9), bytes(range(0, 250, 3)) * 9):
        with pytest.raises(Exception, match="The file looks like"):
            text_of("a.bin", data)


def test_encodings_that_escape_and_colours_of_a_terminal() -> None:
    assert text_of("a.txt", "今日は天気がいい。".encode("iso2022_jp")) == "今日は天気がいい。"
    assert text_of("a.txt", b"\x1b[31;1mred\x1b[0m and \x1b[Kblack") == "red and black"


def test_the_lines_of_calendars_and_address_cards_are_whole() -> None:
    calendar = "BEGIN:VCALENDAR\r\nSUMMARY:Bring a lap\r\n top\\, please\\nThanks\r\nEND:VCALENDAR\r\n"
    assert text_of("a.ics", calendar) == "BEGIN:VCALENDAR\nSUMMARY:Bring a laptop, please\nThanks\nEND:VCALENDAR\n"
    card = "BEGIN:VCARD\nN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:M=FCl=\nler\nTEL:1\nEND:VCARD"
    assert text_of("a.vcf", card) == "BEGIN:VCARD\nN:Müller\nTEL:1\nEND:VCARD"
    assert text_of("a.txt", "one\n two\\, three") == "one\n two\\, three"


def test_documents_of_office_that_are_one_file() -> None:
    body = paragraph("Wor").replace("</w:r>", "</w:r><w:r><w:t>ds</w:t></w:r>")
    image = f"<w:p><w:pict><w:binData>{_NOISE}</w:binData></w:pict></w:p>"
    old = f"<w:wordDocument xmlns:w='http://schemas.microsoft.com/office/word/2003/wordml'><w:body>{body}{image}</w:body></w:wordDocument>"
    assert text_of("a.xml", old) == "Words"
    flat_package = (
        "<pkg:package xmlns:pkg='http://schemas.microsoft.com/office/2006/xmlPackage'>"
        f"<pkg:part pkg:name='/word/document.xml'><pkg:xmlData><w:document xmlns:w='{W}'><w:body>{body}</w:body>"
        "</w:document></pkg:xmlData></pkg:part><pkg:part pkg:name='/word/media/a.png'>"
        f"<pkg:binaryData>{_NOISE}</pkg:binaryData></pkg:part></pkg:package>"
    )
    assert text_of("a.xml", flat_package) == "Words"
    flat = (
        f"<office:document {NAMESPACES}><office:body><office:text><text:h>Title</text:h>"
        f"<text:p>Wor<text:span>ds</text:span></text:p><office:binary-data>{_NOISE}</office:binary-data></office:text></office:body></office:document>"
    )
    assert text_of("a.fodt", flat) == "Title\n\nWords"


def test_a_workbook_that_is_one_file() -> None:
    def row(*cells: str) -> str:
        return f"<Row>{''.join(cells)}</Row>"

    def cell(value: str, kind: str = "String", more: str = "") -> str:
        return f"<Cell {more}><Data ss:Type='{kind}'>{value}</Data></Cell>"

    day = cell("2026-11-02T00:00:00.000", "DateTime", "ss:Index='3'")
    rows = row(cell("part"), cell("n"), cell("day")) + row(cell("bolt"), day) + row(cell("nut"), cell("2", "Number"))
    book = (
        "<Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet' "
        "xmlns:ss='urn:schemas-microsoft-com:office:spreadsheet'>"
        f"<Worksheet ss:Name='S'><Table>{rows}</Table></Worksheet><Worksheet ss:Name='T'>"
        "<WorksheetOptions xmlns='x'><Visible>SheetHidden</Visible></WorksheetOptions></Worksheet></Workbook>"
    )
    assert text_of("a.xml", book) == "S\n\npart: bolt\nday: 2026-11-02\n\npart: nut\nn: 2"
    assert warnings_of("a.xml", book) == ["Hidden sheets were not read: T."]


def test_xml_names_the_files_that_it_includes_and_leaves_embedded_ones_out() -> None:
    inner = f"<p>one</p><xi:include href='b.xml'/><binary>{_NOISE}</binary>"
    source = f"<a xmlns:xi='http://www.w3.org/2001/XInclude'>{inner}</a>"
    assert warnings_of("a.xml", source) == [
        "1 embedded file in base64, of 1 kB, was omitted.", "Parts in other files that were not read: b.xml.",
    ]  # fmt: skip
    assert _NOISE[:99] not in text_of("a.xml", source)


def test_numbers_that_name_something_keep_their_zeros() -> None:
    styles = "".join(
        f"<numFmt numFmtId='{164 + n}' formatCode='{code}'/>"
        for n, code in enumerate(("00000", r"000\-00\-0000", "0.00"))
    )
    formats = "".join(f"<xf numFmtId='{164 + n}'/>" for n in range(3))
    cells = "".join(
        f"<c r='{c}2' s='{n}'><v>{v}</v></c>" for n, (c, v) in enumerate((("A", 1067), ("B", 12345678), ("C", 7)))
    )
    head = "".join(f"<c r='{c}1' t='inlineStr'><is><t>{c.lower()}</t></is></c>" for c in "ABC")
    data = workbook(
        {"S": f"<row>{head}</row><row>{cells}</row>"}, styles=f"<numFmts>{styles}</numFmts><cellXfs>{formats}</cellXfs>"
    )
    assert text_of("a.xlsx", data) == "S\n\na: 01067\nb: 012-34-5678\nc: 7"


def test_lists_of_latex_have_their_numbers() -> None:
    source = r"\begin{enumerate}\item a\begin{itemize}\item b\end{itemize}\item c\end{enumerate}"
    assert text_of("a.tex", source) == "1. a\n\n- b\n\n2. c"


def test_the_code_pages_of_old_rtf() -> None:
    for word_, code in (("mac", "8e"), ("pc", "82"), ("pca", "82"), ("ansi", "e9")):
        assert text_of("a.rtf", rb"{\rtf1\%s caf\'%s\par}" % (word_.encode(), code.encode())) == "café"
    assert text_of("a.rtf", b"{\\rtf1 " + b"{" * 5_000 + b"deep" + b"}" * 5_000 + b" end}") == "deep end"


def test_names_in_archives_that_are_utf_8_without_saying_so() -> None:
    data = package(**{"groessen.txt": "words"}).replace(b"groessen", "größen".encode())
    assert text_of("a.zip", data) == "größen.txt\n\nwords"


@pytest.mark.parametrize(
    ("source", "rows", "lines"),
    [
        ('a,b\n1,"x\n2,y\n3,"z"\n4,w\n', 'a: 1\nb: "x\n\na: 2\nb: y\n\na: 3\nb: z\n\na: 4\nb: w', "mark on line 2 is"),
        ('a;b\n1;"x\n2;y\n', 'a: 1\nb: "x\n\na: 2\nb: y', "mark on line 2 is"),
        ('a,b\n"1,x\n"2","y"\n"3,z\n', 'a: "1\nb: x\n\na: 2\nb: y\n\na: "3\nb: z', "marks on lines 2, 4 are"),
        ('a,b\n1,"x\nmore, y" \n2,"say ""no"" now"\n', 'a: 1\nb: x\nmore, y\n\na: 2\nb: say "no" now', ""),
    ],
)  # fmt: skip
def test_a_quotation_mark_that_is_not_closed_swallows_no_rows(source: str, rows: str, lines: str) -> None:
    assert text_of("a.csv", source) == rows
    it = "it was" if lines.startswith("mark ") else "they were"
    said = [f"The quotation {lines} not closed, so {it} read as any other character."]
    assert warnings_of("a.csv", source) == (said if lines else [])
