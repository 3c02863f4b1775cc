"""The content of an upload determines its type, whatever its filename."""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import sqlite3
import time
import zipfile

import pytest

from svc.errors import InvalidRequestError, UnsupportedMediaTypeError
from svc.ingest.file_types import detect_file_type

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def zip_of(*names: str, content: bytes = b"<x/>") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return packed.getvalue()


DOCX = zip_of("[Content_Types].xml", "_rels/.rels", "word/document.xml")
XLSX = zip_of("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml")


@pytest.mark.parametrize(
    ("filename", "data", "expected"),
    [
        ("a.txt", b"plain words", "text"),
        ("a.md", b"# Title\n\nplain words", "markdown"),
        ("A.MARKDOWN", b"# Title", "markdown"),
        ("a.csv", b"a,b\n1,2\n", "csv"),
        ("a.tsv", b"a\tb\n", "csv"),
        ("no suffix", b"a,b\n1,2\n", "text"),
        ("a.py", b"print('x')", "code"),
        ("a.php", b"<html><?php echo 1 ?></html>", "code"),
        ("a.eml", b"Received: by x\nSubject: a\n\nb", "mail"),
        ("a.eml", b"no mail at all", "text"),
        ("a.json", b'{"a": 1}', "json"),
        ("a.jsonl", b'{"a": 1}\n{"a": 2}', "json"),
        ("a.ipynb", b'{"cells": []}', "notebook"),
        ("a.xml", b"<a/>", "xml"),
        ("feed", b"\xef\xbb\xbf<?xml version='1.0'?><rss/>", "xml"),
        ("a.srt", b"1\n00:00:01,000 --> 00:00:04,000\nx", "subtitles"),
        ("a.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf"),
        ("renamed.txt", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf"),
        ("mail header first.pdf", b"From: a printer\n\n%PDF-1.4\n", "pdf"),
        ("about.txt", b"A file begins with %PDF-1.4 if it is a PDF.", "text"),
        ("a.html", b"<!DOCTYPE html>\n<html><body>x", "html"),
        ("saved page.txt", b"<?xml version='1.0'?>\n<!-- c -->\n<HTML lang=en><body>x", "html"),
        ("failed download.pdf", b"\n<html><title>404</title></html>", "html"),
        ("fragment.html", b"Hello <b>you</b>", "html"),
        ("fragment.md", b"<p align=center>Hello</p>\n\n# Title", "markdown"),
        ("not really.html", b"no tag at all, 1 < 2", "text"),
        ("utf16.html", "<html><body>x".encode("utf-16"), "html"),
        ("utf16.csv", "\ufeffname;age\nBob;3\n".encode("utf-16-le"), "csv"),
        ("utf16 without mark.txt", "plain words".encode("utf-16-be"), "text"),
        ("utf32.txt", "plain words".encode("utf-32"), "text"),
        ("ebcdic", "First line\x85Second line of the text\x85".encode("cp500"), "text"),
        ("latin.txt", "déjà vu à la plage".encode("latin-1"), "text"),
        ("nul.log", b"a line\nanother\x00 line\n", "text"),
        ("a.docx", DOCX, "docx"),
        ("a.docx", XLSX, "xlsx"),
        ("a.xlsx", zip_of("xl/workbook.xml", "xl/embeddings/d.docx", content=DOCX), "xlsx"),
        ("a.pptx", zip_of("ppt/presentation.xml"), "pptx"),
        ("cut off.xlsx", XLSX[:40], "xlsx"),
        ("locked.xlsx", OLE + "EncryptedPackage".encode("utf-16-le"), "xlsx"),
        ("renamed.zip", DOCX, "docx"),
        ("with a sheet inside.docx", zip_of("word/document.xml", "word/embeddings/s.xlsx", content=XLSX), "docx"),
        ("cut off.docx", DOCX[:60], "docx"),
        ("a.zip", zip_of("a.txt"), "zip"),
        ("a.bin", zip_of("mimetype", content=b"application/vnd.oasis.opendocument.text"), "odt"),
        ("a.txt", b"{\\rtf1\\ansi words}", "rtf"),
        ("a.tex", b"\\section{a}", "latex"),
        ("locked.docx", OLE + "EncryptedPackage".encode("utf-16-le"), "docx"),
    ],
)
def test_accepted(filename: str, data: bytes, expected: str) -> None:
    assert detect_file_type(filename, data) == expected


@pytest.mark.parametrize(
    ("filename", "data", "looks_like"),
    [
        ("photo.txt", b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG image"),
        ("photo.pdf", b"\xff\xd8\xff\xe0" + bytes(100), "JPEG image"),
        ("a.txt", b"\x7fELF\x02\x01\x01" + bytes(100), "ELF program"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0), "gzip archive"),
        ("a.odf", zip_of("mimetype", content=b"application/vnd.oasis.opendocument.formula"), "OpenDocument"),
        ("a.docx", OLE + "WordDocument".encode("utf-16-le"), "legacy Word document"),
        ("a.bin", OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted Office document"),
        ("a.txt", random.Random(1).randbytes(5000), "binary data"),
        ("a.txt", bytes(5000), "binary data"),
    ],
)
def test_refused_by_what_it_looks_like(filename: str, data: bytes, looks_like: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError) as caught:
        detect_file_type(filename, data)
    assert looks_like in caught.value.detail
    for accepted in ("text", "Markdown", "HTML", "PDF", "CSV", ".docx"):
        assert accepted in caught.value.detail


def test_a_database_is_refused() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a)")
    with pytest.raises(UnsupportedMediaTypeError, match="SQLite"):
        detect_file_type("a.txt", connection.serialize())


def test_empty_names_the_field() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        detect_file_type("a.txt", b"")
    assert caught.value.field == "content"


@pytest.mark.parametrize("beginning", [b"PK\x03\x04", b"<!--", b"<?xml ", b" ", b"\x00a", OLE])
def test_hostile_megabytes_do_not_block_the_event_loop(beginning: bytes) -> None:
    data = beginning + (beginning[:8] * (2**25 // len(beginning[:8])))
    started = time.process_time()
    with contextlib.suppress(UnsupportedMediaTypeError):
        detect_file_type("a", data)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("filename", "source", "file_type"),
    [
        ("1", "Message-ID: <a@b>\nDate: today\n zone\nFrom: a\nSubject: s\n\nText.", "mail"),
        ("a.doc", "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b", "mail"),
        ("a.txt", "From: a\nTo: b\nSubject: s\nMIME-Version: 1.0\n\nText.", "mail"),
        ("a.txt", "From: a\nTo: b\nSubject: s\n\nText.", "text"),
        ("notes", "From: a\nTo: b\nSubject: s\nText without a blank line.", "text"),
        ("notes", "Name: a\nSize: b\nColour: s\n\nText.", "text"),
    ],
)
def test_a_mail_without_its_suffix_has_its_headers(filename: str, source: str, file_type: str) -> None:
    assert detect_file_type(filename, source.encode()) == file_type
