"""Odd files of many kinds, as in the test suites of other readers: read completely, or refused by name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from svc.errors import UnsupportedMediaTypeError
from svc.ingest.file_types import detect_file_type
from tests.ingest.office_files import package, word
from tests.ingest.test_formats import text_of, warnings_of
from tests.ingest.test_more_formats import NAMESPACES

HEADERS = "From: a@example.org\nSubject: S\n"


def _field(kind: str) -> str:
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


def _run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def test_a_field_in_the_instructions_of_another_is_not_text() -> None:
    inner = _field("begin") + "<w:r><w:instrText>DOCPROPERTY x</w:instrText></w:r>" + _field("separate") + _run("draft")
    outer = _field("begin") + "<w:r><w:instrText>IF </w:instrText></w:r>" + inner + _field("end")
    body = f"<w:p>{_run('State: ')}{outer}{_field('separate')}{_run('final')}{_field('end')}{_run('.')}</w:p>"
    assert text_of("a.docx", word(body)) == "State: final."


def test_a_page_with_a_title_alone_and_soft_hyphens() -> None:
    assert text_of("a.html", "<html><head><title>Only a title</title></head><body></body></html>") == "Only a title"
    assert text_of("a.html", "<title>T</title><p>super&shy;market and super\xadstar</p>") == "supermarket and superstar"


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("text/plain\n\nWords.", "text/html\n\n<p>Footer of the list.</p>", "Words.\n\nFooter of the list."),
        ("text/html\n\n<p>Words.</p>", "text/plain\n\nFooter.", "Words.\n\nFooter."),
        ("text/plain\n\nThe same words.", "text/html\n\n<p>The same words.</p>", "The same words."),
    ],
)
def test_texts_of_a_mail_that_are_no_alternatives_are_all_read(first: str, second: str, text: str) -> None:
    source = f"{HEADERS}Content-Type: multipart/mixed; boundary=A\n\n--A\nContent-Type: {first}\n--A\nContent-Type: "
    assert text_of("a.eml", f"{source}{second}\n--A--\n") == f"Subject: S\nFrom: a@example.org\n\n{text}"


def test_encrypted_mails_say_so() -> None:
    pgp = f"-----BEGIN PGP MESSAGE-----\nVersion: 2\n\n{'hQEMA0X1' * 8}\n=abcd\n-----END PGP MESSAGE-----\n"
    assert text_of("a.eml", f"{HEADERS}\nSee:\n{pgp}bye") == "Subject: S\nFrom: a@example.org\n\nSee:\n\nbye"
    assert warnings_of("a.eml", f"{HEADERS}\nSee:\n{pgp}bye") == ["Text that is encrypted (PGP) was not read."]
    parts = (
        f"--A\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--A\nContent-Type: text/plain; name=a\n\n{pgp}"
    )
    mail = f"{HEADERS}Content-Type: multipart/encrypted; boundary=A\n\n{parts}--A--\n"
    assert text_of("a.eml", mail) == "Subject: S\nFrom: a@example.org"
    assert any("encrypted (PGP)" in each for each in warnings_of("a.eml", mail))
    kind = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\nContent-Transfer-Encoding: base64"
    assert warnings_of("a.eml", f"{HEADERS}{kind}\n\nMIAGCSqGSIb3DQEHA6CAMIACAQA=\n") == [
        "The mail is encrypted (S/MIME), so its text was not read."
    ]


def test_drawings_in_xml_and_in_opendocument() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><style>.a{}</style><text>Sp<tspan>eed</tspan></text></svg>'
    assert text_of("a.svg", svg) == "Speed"
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.graphics")
        page = "<draw:page><draw:custom-shape><text:p>In a shape</text:p></draw:custom-shape></draw:page>"
        body = f"<office:body><office:drawing>{page}</office:drawing></office:body>"
        archive.writestr("content.xml", f"<office:document-content {NAMESPACES}>{body}</office:document-content>")
    assert text_of("a.odg", written.getvalue()) == "In a shape"


def test_short_western_text_and_padding() -> None:
    assert text_of("a.txt", "größe été".encode("latin-1")) == "größe été"
    assert text_of("a.txt", b"words here" + bytes(500)) == "words here"


def _tar() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO(b""))
    return written.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.tar", _tar(), "a tar archive"), ("a.gz", gzip.compress(b"words"), "a gzip archive"),
        ("a.bz2", bz2.compress(b"words"), "a bzip2 archive"), ("a.xz", lzma.compress(b"words"), "an xz archive"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c\0\4", "a 7-Zip archive"), ("a.txt", b"MZ\x90\0\3" + bytes(90), "a program"),
        ("a.mobi", b"Title".ljust(60, b"\0") + b"BOOKMOBI" + bytes(9), "a Mobipocket book"),
        ("a.eps", b"\xc5\xd0\xd3\xc6" + bytes(30), "a PostScript document"),
        ("a.wpd", b"\xffWPC\x10\0\0\0", "a WordPerfect document"), ("a.mp4", b"\0\0\0\x20ftypisom", "MPEG-4"),
        ("a.vsdx", package(**{"[Content_Types].xml": "<x/>", "visio/document.xml": "<x/>"}), "a Visio drawing"),
        ("a.pages", package(**{"Index/Document.iwa": "x"}), "a document of Apple's iWork"),
    ],
)  # fmt: skip
def test_files_that_are_not_read_are_named(name: str, data: bytes, kind: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError, match=f"The file looks like {kind}"):
        detect_file_type(name, data)


@pytest.mark.parametrize("text", ["MZ is a state", "BZh", "ID3 tags", "CWS is here", "0707011 00 12", "The ftyp box"])
def test_texts_that_begin_like_other_files(text: str) -> None:
    assert detect_file_type("a.txt", text.encode()) == "text"
