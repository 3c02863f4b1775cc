"""Truncated and damaged archives, and names in archives in national encodings."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib

import pytest

from svc.errors import DocumentRejectedError
from svc.ingest.parse import parse
from tests.ingest.office_files import package, paragraph, word
from tests.ingest.test_formats import text_of, warnings_of

CUT = "The end of the archive is missing; the files before that were read."


def lines(count: int) -> str:
    """Lines that compress badly, so that their archive can be cut within them."""
    made = random.Random(1)
    return "".join(f"line {number} {made.getrandbits(64):x}\n" for number in range(count))


class _Stream(io.RawIOBase):
    """The archive is written as a stream, so the sizes of members follow them."""

    def __init__(self) -> None:
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.written += bytes(data)  # type: ignore[call-overload]
        return len(bytes(data))  # type: ignore[call-overload]


def streamed(method: int, **files: str) -> bytes:
    stream = _Stream()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.written


def test_the_whole_files_of_an_archive_that_is_cut_off_are_read() -> None:
    data = package(**{"a.txt": "first", "folder/b.txt": "second", "c.txt": lines(500)})
    cut = data[: len(data) // 2]
    text = text_of("a.zip", cut)
    assert text.startswith("a.txt\n\nfirst\n\nfolder/b.txt\n\nsecond\n\nc.txt\n\nline 0 ")
    assert "line 200 " in text
    assert warnings_of("a.zip", cut) == [
        CUT,
        "Damaged, and read as far as possible: c.txt.",
        "The 3 files of the archive are one document; for separate documents, upload each.",
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_files_whose_sizes_follow_them_are_read_without_the_directory(method: int) -> None:
    data = streamed(method, **{"a.txt": "first words", "b.txt": "second words"})
    assert text_of("a.zip", data[: data.find(b"PK\1\2")]) == "a.txt\n\nfirst words\n\nb.txt\n\nsecond words"


def test_a_file_that_is_damaged_is_read_up_to_there() -> None:
    data = bytearray(package(**{"a.txt": lines(2_000), "b.txt": "whole"}))
    middle = data.find(b"PK\3\4", 10) // 2
    data[middle : middle + 40] = b"\xff" * 40
    text = text_of("a.zip", bytes(data))
    assert "line 100 " in text
    assert text.endswith("b.txt\n\nwhole")
    assert "Damaged, and read as far as possible: a.txt." in warnings_of("a.zip", bytes(data))


def test_office_files_that_are_cut_off_are_read_as_far_as_they_go() -> None:
    made = random.Random(1)
    body = "".join(paragraph(f"Clause {number} {made.getrandbits(99):x}") for number in range(500))
    data = word(body)
    cut = data[: len(data) // 2]
    assert text_of("a.docx", cut).startswith("Clause 0 ")
    assert "\n\nClause 150 " in text_of("a.docx", cut)
    assert warnings_of("a.docx", cut) == [
        "The end of the file is missing; its parts before that were read.",
        "Damaged, and read as far as possible: word/document.xml.",
    ]


def test_an_archive_without_a_whole_file_says_so() -> None:
    with pytest.raises(DocumentRejectedError, match="no file in it is whole"):
        parse("zip", package(**{"a.txt": "first"})[:20])
    with pytest.raises(DocumentRejectedError, match="no part of its ZIP archive is whole"):
        parse("docx", word(paragraph("a"))[:25])


@pytest.mark.parametrize(
    ("codec", "names"),
    [
        ("cp932", ["資料/議事録.txt", "見積書.txt"]), ("gbk", ["新建文件夹/报告.txt", "会议记录.txt"]),
        ("cp949", ["회의록.txt", "새 폴더/보고서.txt"]), ("cp866", ["Отчёт за год.txt"]), ("big5", ["會議記錄.txt"]),
        ("cp437", ["Größe.txt", "Übung.txt"]),
    ],
)  # fmt: skip
def test_names_in_the_encoding_of_a_country(codec: str, names: list[str]) -> None:
    data = package(**{chr(97 + number) * len(name.encode(codec)): f"word{number}" for number, name in enumerate(names)})
    for number, name in enumerate(names):
        data = data.replace((chr(97 + number) * len(name.encode(codec))).encode(), name.encode(codec))
    expected = "\n\n".join(f"{name}\n\nword{number}" for number, name in enumerate(names))
    assert text_of("a.zip", data) == expected


def test_the_name_in_unicode_beside_another() -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        member = zipfile.ZipInfo("_____.txt")
        name = "Ærøå.txt".encode()
        member.extra = struct.pack("<HHBL", 0x7075, 5 + len(name), 1, 0x6EBA6312) + name
        archive.writestr(member, "words")
    data = written.getvalue().replace(struct.pack("<L", 0x6EBA6312), struct.pack("<L", zlib.crc32(b"_____.txt")))
    assert text_of("a.zip", data) == "Ærøå.txt\n\nwords"


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("gbk", "会议记录"), ("big5", "會議記錄"), ("euc_jp", "会議の議事録"), ("cp866", "Протокол совещания"),
        ("koi8_r", "Протокол совещания"), ("cp874", "รายงานการประชุม"), ("cp949", "회의록"), ("cp932", "新しい表"),
        ("koi8_u", "Наступне засідання у Києві"), ("iso2022_kr", "파이썬 마을"),
    ],
)  # fmt: skip
def test_a_few_words_in_the_encoding_of_a_country(codec: str, text: str) -> None:
    assert text_of("a.txt", text.encode(codec)) == text


def test_an_archive_with_anything_behind_its_end_is_whole() -> None:
    data = package(**{"a.txt": "words"}) + b"xyz" * 40_000
    assert text_of("a.zip", data) == "a.txt\n\nwords"
    assert warnings_of("a.zip", data) == []
