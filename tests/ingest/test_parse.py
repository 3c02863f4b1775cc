"""The parsers return the visible text of a file, or the reason why it cannot be parsed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import time
import zipfile
from pathlib import Path

import docx
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from hypothesis import given, settings
from hypothesis import strategies as st

from svc.errors import DocumentRejectedError
from svc.ingest.file_types import detect_file_type
from svc.ingest.formats import FileType
from svc.ingest.parse import parse
from svc.ingest.parsers.characters import clean_text, decode_text

SHARED_FILES = Path(__file__).parents[2].parent / "shared" / "data" / "files"


# --- small real files -----------------------------------------------------------------------------------------


def pdf_of(*pages: str, user_password: str | None = None) -> bytes:
    """A PDF with a line of text on each page; encrypted (RC4, 40 bits) when a password, even an empty one, is given."""
    key, encrypt = b"", b""
    identifier = bytes(16)
    if user_password is not None:
        padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
        padded = (user_password.encode("latin-1") + padding)[:32]
        owner = rc4(hashlib.md5(padded).digest()[:5], padded)
        key = hashlib.md5(padded + owner + b"\xfc\xff\xff\xff" + identifier).digest()[:5]
        encrypt = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>/ID[<%s><%s>]" % tuple(
            binary.hex().encode() for binary in (owner, rc4(key, padding), identifier, identifier)
        )
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for text in pages:
        number = len(objects) + 1
        kids.append(b"%d 0 R" % number)
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>"
            % (number + 1)
        )
        content = b"BT /F 12 Tf 72 700 Td (%s) Tj ET" % text.encode("latin-1") if text else b""
        if key:
            of_object = hashlib.md5(key + (number + 1).to_bytes(3, "little") + bytes(2)).digest()[:10]
            content = rc4(of_object, content)
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), b" ".join(kids))
    written, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    written += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    written += b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n" % (len(objects) + 1, encrypt)
    return bytes(written) + b"%d\n%%%%EOF" % written.rindex(b"xref\n0")


def rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    out = bytearray()
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def saved(document: docx.document.Document) -> bytes:
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def docx_with_body(xml: bytes, prologue: bytes = b"") -> bytes:
    """A Word document whose body begins with the given XML."""
    out = io.BytesIO()
    empty = io.BytesIO(saved(docx.Document()))
    with zipfile.ZipFile(empty) as plain, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in plain.infolist():
            content = plain.read(member)
            if member.filename == "word/document.xml":
                content = content.replace(b"?>", b"?>" + prologue, 1).replace(b"<w:sectPr", xml + b"<w:sectPr", 1)
            archive.writestr(member.filename, content)
    return out.getvalue()


def text_of(file_type: FileType, data: bytes) -> str:
    return parse(file_type, data).text


def placed(file_type: FileType, data: bytes) -> list[tuple[str, dict[str, object]]]:
    """The text of each block with its position."""
    document = parse(file_type, data)
    return [(document.text[block.start : block.end], block.place) for block in document.blocks]


def rejection_of(file_type: FileType, data: bytes) -> str:
    with pytest.raises(DocumentRejectedError) as caught:
        parse(file_type, data)
    return caught.value.detail


# --- text -----------------------------------------------------------------------------------------------------

FRENCH = "Le café était très animé à l’heure où les élèves déjeunaient; ça va être prêt bientôt."
RUSSIAN = "Однажды, в студеную зимнюю пору, я из лесу вышел; был сильный мороз."
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", FRENCH + RUSSIAN + JAPANESE),
        ("utf-8-sig", FRENCH),
        ("utf-16", RUSSIAN),
        ("utf-16-le", FRENCH),
        ("utf-16-be", FRENCH),
        ("utf-32", JAPANESE),
        ("cp1252", FRENCH),
        ("cp1252", "This is a “windows” encoding"),
        ("cp1252", "ciudad\taño\nMálaga\t1999"),
        ("cp1250", "Zażółć gęślą jaźń. Wszystkie dzieci są wesołe, a słońce świeci mocno."),
        ("iso8859_2", "Naukowcy zauważyli, że zmiana rytmu snu w dni wolne od pracy prowadzi do kłótni."),
        ("iso8859_2", "Už týdny čekáme, až se řeka uklidní a šedý kůň přejde přes most."),
        ("cp1250", "Az erős szél elől a kikötőbe húzódtak, és hűvös estét töltöttek együtt."),
        ("cp1254", "Bankanın sahibi değişti; gerekçe, ortakların bilgileri vermemiş olmasıdır."),
        ("cp1257", "Šį rytą „Vieta“ pranešė, kad žvaigždžių naktį matyti nebus, nes ateina ūkas."),
        ("cp1257", "Kādā jaukā rītā vēja māte gāja pāri ezeram un meklēja savu ļoti mīļo bērnu."),
        ("cp850", "Müller möchte Brötchen für sich, aber der Bäcker hat schon geschlossen. Schöne Grüße"),
        ("mac_roman", "Müller möchte „Brötchen“ für sich, aber der Bäcker hat schon geschlossen. Schöne Grüße"),
        ("cp1252", "L’ús d’aquesta opció il·lustra què passa amb els números més grans de la sèrie: ço és, res."),
        ("cp1252", "„Über“ und »für« stehen in Anführungszeichen – schön."),
        ("cp1252", "Se è indicato SEZIONE, elenca solo le risorse"),
        ("cp1251", RUSSIAN),
        ("koi8-r", RUSSIAN),
        ("cp866", RUSSIAN),
        ("shift_jis", JAPANESE),
        ("gb18030", "人工智能是计算机科学的一个分支，它企图了解智能的实质。"),
        ("euc-kr", "나랏말싸미 듕귁에 달아 문자와로 서르 사맛디 아니할쎄"),
        ("cp500", "The quick brown fox jumps over the lazy dog.\nIt was not amused, and said so.\n"),
    ],
)
def test_text_in_any_encoding(encoding: str, text: str) -> None:
    assert decode_text(text.encode(encoding)) == text


def test_a_long_word_takes_no_time_to_guess_its_encoding() -> None:
    word = b"a" * 60_000
    started = time.process_time()
    assert decode_text(word + b" \xe9t\xe9 \xe0 la mer") == f"{word.decode()} été à la mer"
    assert time.process_time() - started < 2  # of the processor; if it is quadratic, about twenty


def test_one_broken_byte_does_not_turn_utf_8_into_something_else() -> None:
    assert decode_text(RUSSIAN.encode() + b"\xff") == RUSSIAN + "\ufffd"
    assert decode_text(RUSSIAN.encode()[:-2])[:-1] == RUSSIAN[:-2]
    assert decode_text("a real \ufffd".encode()) == "a real \ufffd"


def test_text_is_what_postgres_stores() -> None:
    assert clean_text("a\x00b\r\nc\rd\te\x0cf\x07g\x7f\ud800h\x85i") == "ab\nc\nd\te\x0cf g \ufffdh\ni"
    assert text_of("text", b"N\x00UL and \x1b[31mred\x1b[0m") == "NUL and red"


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda text: text.encode("utf-16"))))
def test_whatever_the_bytes_the_text_can_be_stored(data: bytes) -> None:
    text = clean_text(decode_text(data))
    assert json.loads(json.dumps(text).encode("utf-8")) == text
    assert not set(text) & {chr(code) for code in range(32) if chr(code) not in "\t\n\x0c"}


@pytest.mark.parametrize("file_type", ["text", "markdown", "csv", "html"])
def test_a_blank_file_is_rejected_with_the_reason(file_type: FileType) -> None:
    assert "no text" in rejection_of(file_type, b" \n\t\x00\n ")


def test_markdown_stays_as_it_is() -> None:
    source = "# Title\n\n- *one*\n- two\n\n```sh\nmake\n```\n"
    assert text_of("markdown", source.encode()) == source


# --- HTML -----------------------------------------------------------------------------------------------------


def test_html_without_invisible_parts() -> None:
    page = b"""<!DOCTYPE html><html><head><title>The  title</title><style>p {color: red}</style></head><body>
        <nav><a href=/>Home</a></nav><script>var hidden = 1</script><!-- a comment -->
        <h1>Heading</h1><p>One <b>bold</b> word &amp; an entity&nbsp;here.</p>
        <ul><li>first</li><li>second</li></ul><noscript>enable it</noscript></body></html>"""
    document = parse("html", page)
    assert document.title == "The title"
    assert document.text == "Heading\n\nOne bold word & an entity\xa0here.\n\n- first\n- second"
    for hidden in ("color", "Home", "hidden", "comment", "enable", "<", "&amp;"):
        assert hidden not in document.text


def test_html_keeps_the_indentation_of_code() -> None:
    page = b"<html><pre>def f():\n        return 1</pre>"
    assert text_of("html", page).strip() == "def f():\n        return 1"


def test_html_title_of_a_megabyte_does_not_go_into_every_chunk() -> None:
    page = b"<html><head><title>" + b"long " * 200_000 + b"</title></head><body>words</body></html>"
    assert len(parse("html", page).title) < 1000


def test_html_table_keeps_rows_together_without_padding() -> None:
    page = "<html><table><tr><th>Name<th>Age</tr><tr><td>Bob<td>3</tr><tr><td>%s<td>4</tr></table>" % ("Eve" * 30)
    text = text_of("html", page.encode())
    assert "Bob | 3" in text
    assert "   " not in text.strip()


@pytest.mark.parametrize(
    ("declaration", "encoding"),
    [
        ('<meta charset="windows-1251">', "cp1251"),
        ('<meta http-equiv=Content-Type content="text/html; charset=koi8-r">', "koi8-r"),
        ('<meta charset="iso-8859-1">', "utf-8"),  # A wrong declaration, which is common.
        ('<meta charset="utf-8">', "cp1251"),  # Another wrong declaration.
        ('<meta charset="rot13">', "utf-8"),  # A Python codec that is not a charset.
        ("", "utf-16"),
    ],
)
def test_html_charset(declaration: str, encoding: str) -> None:
    page = f"<html><head>{declaration}</head><body>{RUSSIAN}</body></html>".encode(encoding)
    assert text_of("html", page).strip() == RUSSIAN


def test_html_charset_decides_where_a_guess_would_be_wrong() -> None:
    for charset, text in (("windows-1255", "היה היה פעם ילד קטן שגר בבית קטן ביער."), ("iso-2022-jp", JAPANESE)):
        page = f"<html><head><meta charset={charset}></head><body>{text}</body></html>".encode(charset)
        assert text_of("html", page).strip() == text


def test_html_charset_has_the_meaning_of_the_encoding_standard() -> None:
    page = b"<html><head><meta charset=iso-8859-1></head><body>\x93quoted\x94</body></html>"
    assert text_of("html", page).strip() == "“quoted”"


def test_xhtml_with_a_declaration() -> None:
    page = b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><p>x</p></html>'
    assert text_of("html", page).strip() == "x"


def test_html_nested_too_deeply_is_read_without_its_structure() -> None:
    assert text_of("html", b"<html>" + b"<div>" * 2000 + b"x") == "x"
    assert text_of("html", b"<html>" + b"<div>" * 50_000 + b"x") == "x"


# --- PDF ------------------------------------------------------------------------------------------------------


def test_pdf_text_has_the_numbers_of_its_pages() -> None:
    pages = pdf_of("The first page.", "", "The third page.")
    assert placed("pdf", pages) == [("The first page.", {"page": 1}), ("The third page.", {"page": 3})]


def test_pdf_text_outside_the_page_is_not_read() -> None:
    page = pdf_of("@").replace(b"(@) Tj", b"(on the page) Tj 0 900 Td (above the page) Tj")
    assert text_of("pdf", page) == "on the page"


def test_pdf_word_continued_on_the_next_line_is_one_word() -> None:
    page = pdf_of("@").replace(b"(@) Tj", b"(an exam-) Tj 0 -14 Td (ple of it) Tj")
    assert text_of("pdf", page) == "an example of it"


def test_pdf_that_opens_without_a_password_is_read() -> None:
    assert text_of("pdf", pdf_of("Restricted, not secret.", user_password="")) == "Restricted, not secret."


def test_pdf_with_a_password_says_so() -> None:
    assert "encrypted with a password" in rejection_of("pdf", pdf_of("Secret.", user_password="hunter2"))


def test_pdf_without_text_says_that_it_may_be_scanned() -> None:
    detail = rejection_of("pdf", pdf_of("", ""))
    assert "no text" in detail
    assert "scanned" in detail


def test_a_truncated_pdf_is_rejected_with_the_reason() -> None:
    assert "damaged or truncated" in rejection_of("pdf", pdf_of("A page.")[:40])


# --- Word -----------------------------------------------------------------------------------------------------


def test_docx_paragraphs_and_tables_in_order() -> None:
    document = docx.Document()
    document.add_heading("Heading", 1)
    document.add_paragraph("Before\tthe table.")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ["Name", "Age", "Bob", "3"], strict=True):
        cell.text = text
    document.add_paragraph("first item", style="List Bullet")
    document.add_paragraph("After the table.")
    assert text_of("docx", saved(document)) == (
        "Heading\n\nBefore\tthe table.\n\nName | Age\nBob | 3\n\n- first item\n\nAfter the table."
    )


def with_footnotes(document: docx.document.Document, xml: str, prologue: str = "") -> bytes:
    notes = (
        f'{prologue}<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f'<w:footnote w:id="1"><w:p><w:r><w:t>{xml}</w:t></w:r></w:p></w:footnote></w:footnotes>'
    )
    content_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    part = Part(PackURI("/word/footnotes.xml"), content_type, notes.encode(), document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    return saved(document)


def test_docx_headers_and_notes_come_after_the_body_and_once() -> None:
    document = docx.Document()
    document.add_paragraph("The body.")
    document.sections[0].header.paragraphs[0].text = "The header."
    header = document.add_section().header
    header.is_linked_to_previous = False
    header.paragraphs[0].text = "The header."
    assert placed("docx", with_footnotes(document, "The note.")) == [
        ("The body.", {}),
        ("The note.", {"part": "footnotes"}),
        ("The header.", {"part": "header"}),
    ]


def test_docx_reads_what_wraps_text_and_skips_what_was_taken_out() -> None:
    data = docx_with_body(
        b"<w:sdt><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        b'<w:p><w:ins w:id="1" w:author="a"><w:r><w:t>inserted</w:t></w:r></w:ins>'
        b'<w:del w:id="2" w:author="a"><w:r><w:delText>deleted</w:delText></w:r></w:del>'
        b"<w:hyperlink><w:r><w:t xml:space='preserve"
        b"'> linked</w:t></w:r></w:hyperlink></w:p>"
    )
    assert text_of("docx", data) == "in a control\n\ninserted linked"


def test_docx_list_items_stay_together() -> None:
    item = "<w:p><w:pPr><w:numPr><w:numId w:val='1'/></w:numPr></w:pPr><w:r><w:t>{}</w:t></w:r></w:p>"
    paragraph = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"
    xml = paragraph.format("before") + item.format("one") + item.format("two") + paragraph.format("after")
    assert text_of("docx", docx_with_body(xml.encode())) == "before\n\n- one\n- two\n\nafter"


def test_docx_that_is_cut_off_encrypted_or_no_word_document() -> None:
    whole = saved(docx.Document())
    assert "The end of the file is missing" in rejection_of("docx", whole[: len(whole) // 2])
    assert "encrypted with a password" in rejection_of("docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "x")
    assert "Word document cannot be read" in rejection_of("docx", other.getvalue())
    assert "no text" in rejection_of("docx", whole)


def test_docx_with_too_large_contents_is_not_unpacked() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as member:
        for _ in range(300):
            member.write(bytes(2**20))
    assert "unpacks to 300 MB" in rejection_of("docx", bomb.getvalue())


@pytest.mark.parametrize("value", ['SYSTEM "file://{file}"', '"{text}"'], ids=["of a file", "of a text"])
def test_docx_entities_are_not_expanded(value: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("secret")
    entity = f"<!DOCTYPE d [<!ENTITY e {value}>]>".format(file=tmp_path / "file", text="secret")
    in_body = docx_with_body(b"<w:p><w:r><w:t>x&e;y</w:t></w:r></w:p>", entity.encode())
    for data in (in_body, with_footnotes(docx.Document(), "x&e;y", entity)):
        with contextlib.suppress(DocumentRejectedError):
            assert "secret" not in text_of("docx", data)


# --- CSV ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    [
        "name,age\nBob,3\nEve,4\n",
        "name;age\nBob;3\nEve;4\n",
        "name\tage\r\nBob\t3\r\nEve\t4",
        "sep=|\nname|age\nBob|3\nEve|4\n",
        '\ufeff"name","age"\n\n"Bob","3"\n"Eve","4"\n',
    ],
)
def test_csv_repeats_the_column_in_each_row(table: str) -> None:
    assert text_of("csv", table.encode()) == "name: Bob\nage: 3\n\nname: Eve\nage: 4"


def test_csv_with_a_title_quotes_and_uneven_rows() -> None:
    table = 'Our people,,\n,,\nname,city,age\n"Smith, Bob","New\nYork",\nEve,,4,extra\n'
    assert text_of("csv", table.encode()) == (
        "Our people\n\nname: Smith, Bob\ncity: New\nYork\n\nname: Eve\nage: 4\ncolumn 4: extra"
    )


def test_csv_without_a_header_numbers_its_columns() -> None:
    assert text_of("csv", b"1,2\n3,x\n") == "column 1: 1\ncolumn 2: 2\n\ncolumn 1: 3\ncolumn 2: x"
    assert text_of("csv", b"1,2\nx,y\n") == "column 1: 1\ncolumn 2: 2\n\ncolumn 1: x\ncolumn 2: y"


def test_csv_of_many_rows_names_the_columns_to_the_end() -> None:
    table = "All words,\nid,word\n" + "".join(f"{number},w{number}\n" for number in range(2500))
    text = text_of("csv", table.encode())
    assert text.startswith("All words\n\nid: 0\nword: w0\n\n")
    assert text.endswith("\n\nid: 2499\nword: w2499")
    assert text.count("All words") == 1


# --- real files -----------------------------------------------------------------------------------------------

CONTAINED = {
    "ArabicCIDTrueType.pdf": "الخطوط العربية",
    "Pages-tree-refs.pdf": "Pages loop",
    "basicapi.pdf": "Table Of Content",
    "boilerplate.html": "This is the real meat of the page",
    "english.cp500.txt": "Support and services",
    "footnotes.docx": "snoskoy",
    "multi-language.txt": "contratação de sucesso",
    "russian.cp866.txt": "Лошадка, везущая хворосту воз.",
    "testCSV.csv": "Number: 15\nSquare: 225",
    "testHTML.html": "Indexation du fichier",
    "testHTMLBadScript.html": "This is a test.",
    "testHTMLNoisyMetaEncoding_1.html": "الاتحاد الجزائري",
    "testHTML_charset_utf16le.html": "This is a sample text",
    "testHTML_utf8.html": "åäö",
    "testPDF_bad_page_303226.pdf": "the Secretary of Health and Human Services",
    "testPDF_incrementalUpdates.pdf": "Testing Incremental",
    "testTXTNonASCIIUTF8.txt": "Der schnelle braune Fuchs springt über den faulen Hund",
    "testTXT_win-1252.txt": "“windows” encoding",
    "testWORD.docx": "This document includes text that is BOLD and ITALIC.",
    "testWORD_various.docx": "Row 1 Col 1 | Row 1 Col 2",
    "tracemonkey.pdf": "Trace-based Just-in-Time Type Specialization for Dynamic",
}
REJECTED = {
    "empty.pdf": "PDF contains no text",
    "testPDF_no_extract_no_accessibility_owner_user.pdf": "encrypted with a password",
    "testUnicodePassword.pdf": "encrypted with a password",
    "testWORD_protected_passtika.docx": "encrypted with a password",
    "testWORD_truncated.docx": "truncated",
    "REDHAT-1531897-0.pdf": "damaged or truncated",
}


@pytest.mark.skipif(not SHARED_FILES.is_dir(), reason=f"needs the test files in {SHARED_FILES}")
def test_real_files_are_read_or_rejected_with_a_reason() -> None:
    for file in sorted(SHARED_FILES.iterdir()):
        data = file.read_bytes()
        try:
            text = text_of(detect_file_type(file.name, data), data)
        except DocumentRejectedError as error:
            assert file.name not in CONTAINED, f"{file.name}: {error.detail}"
            assert REJECTED.get(file.name, "no text") in error.detail
        else:
            assert CONTAINED.get(file.name, "") in text, file.name
            assert file.name not in REJECTED
