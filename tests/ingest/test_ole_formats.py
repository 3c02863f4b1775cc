"""Excel workbooks from before 2007 and Outlook messages are read completely; each file is made here, byte by byte."""

from __future__ import annotations

import pytest

from svc.errors import DocumentRejectedError, UnsupportedMediaTypeError
from svc.ingest.file_types import detect_file_type
from svc.ingest.parse import parse
from svc.ingest.parsers.compressed_rtf import decompressed
from tests.ingest.office_files import paragraph, word
from tests.ingest.ole_files import CUTOFF, Folder, Sheets, bare_workbook, compound, excel97, properties
from tests.ingest.test_formats import blocks_of, text_of, warnings_of

SHEETS: Sheets = {
    "Stock": [["Part", "Since", "Price", "Sold"], ["Bolt", 40000.5, 0.2, True], ["Mütter", 40001.0, 3.0, None]],
    "Secret": [["nobody sees this"]],
}
ROWS = "Part: Bolt\nSince: 2009-07-06 12:00:00\nPrice: 0.2\nSold: TRUE\n\nPart: Mütter\nSince: 2009-07-07\nPrice: 3"


def test_a_workbook_of_excel_97() -> None:
    data = excel97(SHEETS, hidden=["Secret"], dates=[1], comment="since the flood", chart=True)
    assert blocks_of("a.xls", data) == [
        ("heading", "Stock", {"sheet": "Stock"}),
        ("records", ROWS, {"sheet": "Stock"}),
        ("text", "Comment on A1: since the flood", {"sheet": "Stock"}),
    ]
    assert warnings_of("a.xls", data) == [
        "Hidden sheets were not read: Secret.",
        "1 sheet of a chart or of macros was not read.",
    ]


def test_numbers_of_excel_97_have_the_units_that_are_shown() -> None:
    formats = ["0.0%", "[$€-407]\\ #,##0.00", "[h]:mm", "00000", "h:mm", '0.0" kg"', "General"]
    sheets: Sheets = {"S": [list("abcdefg"), [0.125, 12.5, 1.5, 12.0, 0.25, 7.0, 5.0]]}
    text = "S\n\na: 12.5%\nb: € 12.5\nc: 36:00:00\nd: 00012\ne: 06:00:00\nf: 7 kg\ng: 5"
    assert parse("xls", excel97(sheets, formats=formats)).text == text


def test_a_workbook_is_known_by_its_streams_whatever_its_name() -> None:
    stream = bare_workbook(SHEETS).ljust(CUTOFF, b"\0")
    assert detect_file_type("a.txt", compound({"Book": stream})) == "xls"
    assert detect_file_type("a.xlsx", compound({"Workbook": stream})) == "xls"
    assert detect_file_type("a.xls", b"<html><table><tr><td>1</table>") == "html"
    assert detect_file_type("a.xls", b"a\tb\n1\t2\n") == "text"
    with pytest.raises(UnsupportedMediaTypeError, match="legacy Word"):
        detect_file_type("a.xls", compound({"WordDocument": b"a", "ObjectPool": {"Workbook": stream}}))


@pytest.mark.parametrize("kept", [10, 600, 3_000, 5_000])
def test_a_workbook_that_is_cut_off_is_damaged(kept: int) -> None:
    with pytest.raises(DocumentRejectedError, match="damaged"):
        parse("xls", excel97(SHEETS)[:kept])


# --- Outlook --------------------------------------------------------------------------------------------------

SUBJECT, BODY, RTF, HTML, SENDER, SENDER_SMTP, SENT = 0x37, 0x1000, 0x1009, 0x1013, 0x0C1A, 0x5D01, 0x39
NAME, SMTP, KIND, DATA, FILENAME, CODEPAGE = 0x3001, 0x39FE, 0x0C15, 0x3701, 0x3707, 0x3FDE
NOON = 134_242_704_000_000_000  # 26 May 2026 12:00, in ticks of 100 ns since 1601
# The example of MS-OXRTFCP.
COMPRESSED = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)


def message(more: Folder | None = None, /, **texts: str | bytes) -> bytes:
    names = {"subject": SUBJECT, "body": BODY, "rtf": RTF, "html": HTML, "sender": SENDER, "smtp": SENDER_SMTP}
    by_number = {names[name]: value for name, value in texts.items()}
    return compound({**properties(by_number, {SENT: NOON, CODEPAGE: 1251}, before=32), **(more or {})})


def test_a_message_with_recipients_and_attachments() -> None:
    inner: dict[str, bytes | Folder] = {
        **properties({SUBJECT: "Inner", BODY: "The older one."}, before=24),
        "__attach_version1.0_#00000000": properties({DATA: b"deep\n", FILENAME: "deep.txt"}),
    }
    data = message(
        {
            "__recip_version1.0_#00000000": properties({NAME: "Bob", SMTP: "bob@example.org"}, {KIND: 1}),
            "__recip_version1.0_#00000001": properties({NAME: "Eve", SMTP: "eve@example.org"}, {KIND: 2}),
            "__attach_version1.0_#00000000": properties({DATA: b"a,b\n1,x\n", FILENAME: "../list.csv"}),
            "__attach_version1.0_#00000001": {**properties({FILENAME: "older"}), "__substg1.0_3701000D": inner},
            "__attach_version1.0_#00000002": properties({DATA: b"\x89PNG\r\n\x1a\n", FILENAME: "a.png"}),
            "__attach_version1.0_#00000003": properties({DATA: word(paragraph("In Word.")), FILENAME: "a.docx"}),
        },
        subject="Grüße", sender="Ada", smtp="ada@example.org", body="as HTML",
        html="<h1>Plan</h1><p>Привет</p><table><tr><th>A<th>B<tr><td>1<td>2</table>".encode("cp1251"),
    )  # fmt: skip
    assert detect_file_type("a.bin", data) == "msg"
    assert parse("msg", data).title == "Grüße"
    assert text_of("a.msg", data) == (
        "Subject: Grüße\nFrom: Ada <ada@example.org>\nTo: Bob <bob@example.org>\nCc: Eve <eve@example.org>\n"
        "Date: Tue, 26 May 2026 12:00:00 +0000\n\nPlan\n\nПривет\n\nA | B\n1 | 2\n\nlist.csv\n\na: 1\nb: x\n\n"
        "older\n\nSubject: Inner\n\nThe older one.\n\ndeep.txt\n\ndeep\n\na.docx\n\nIn Word."
    )
    assert [place for _, text, place in blocks_of("a.msg", data) if "b: x" in text] == [{"attachment": "list.csv"}]
    assert warnings_of("a.msg", data) == ["Attachments that were not read: a.png."]


def test_the_body_of_a_message_is_the_best_that_it_has() -> None:
    assert "hello world" in text_of("a.msg", message(rtf=COMPRESSED))
    assert "Only plain." in text_of("a.msg", message(body="Only plain.", html=b"<p> </p>", rtf=COMPRESSED))
    assert warnings_of("a.msg", message(subject="a", rtf=COMPRESSED[:10])) == ["The body is damaged and was not read."]


def test_the_compression_of_rtf() -> None:
    assert decompressed(COMPRESSED) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    # "WXYZWXYZ…": a reference to its own output, also from MS-OXRTFCP.
    crossing = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
    assert decompressed(crossing) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"


@pytest.mark.parametrize("kept", [100, 700, 1_500])
def test_a_message_that_is_cut_off_is_damaged_or_read_in_part(kept: int) -> None:
    whole = message(subject="Subject here", body="a")
    try:
        assert parse("msg", whole[:kept]).text in parse("msg", whole).text
    except DocumentRejectedError as error:
        assert "damaged" in error.detail


def test_parts_of_an_excel_97_sheet_beside_its_cells() -> None:
    document = parse("xls", excel97({"S": [["site", "n"], ["form", 1.0]]}, comment="NOTE", box="Sales of all"))
    assert document.text == (
        "S\n\nsite: form (https://a.example/f)\nn: 1\n\nComment on A1: NOTE" + "\n\nSales of all" * 3
    )
    assert document.warnings == [
        "1 image was not read.", "1 chart was read only by its titles, and its numbers were not read.",
    ]  # fmt: skip


def test_the_fields_of_an_appointment_are_named_as_not_read() -> None:
    message = compound(properties({0x37: "Budget", 0x1000: "In room 5.", 0x1A: "IPM.Appointment"}, before=32))
    assert parse("msg", message).warnings == [
        "The message is an appointment, whose own fields, such as times and addresses, were not read."
    ]
