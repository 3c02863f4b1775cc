"""Outlook messages in `winmail.dat` are read, alone and in a mail; the files are made here, byte by byte."""

from __future__ import annotations

import struct

import pytest

from svc.errors import DocumentRejectedError
from svc.ingest.file_types import detect_file_type
from svc.ingest.parse import parse
from tests.ingest.test_formats import mail, text_of, warnings_of


def attribute(level: int, kind: int, data: bytes) -> bytes:
    """An attribute of a message (1) or an attachment (2)."""
    return struct.pack("<BII", level, kind, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def properties(*values: tuple[int, int, bytes]) -> bytes:
    """Properties with their types, each with one value; a number above 0x8000 gets a name."""
    written = struct.pack("<I", len(values))
    for name, kind, value in values:
        written += struct.pack("<HH", kind, name)
        if name >= 0x8000:
            text = "Keywords\0".encode("utf-16-le")
            written += bytes(16) + struct.pack("<II", 1, len(text)) + text + bytes(-len(text) % 4)
        if kind in (0x1E, 0x1F, 0x0D, 0x102):
            written += struct.pack("<II", 1, len(value)) + value + bytes(-len(value) % 4)
        else:
            written += value
    return written


def packed(*attributes: bytes) -> bytes:
    return b"\x78\x9f\x3e\x22\x01\x00" + b"".join(attributes)


def wide(text: str) -> bytes:
    return (text + "\0").encode("utf-16-le")


CODEPAGE = attribute(1, 0x00069007, struct.pack("<II", 1251, 0))
MESSAGE = properties(
    (0x8001, 0x1F, wide("a word")), (0x0E07, 0x03, struct.pack("<I", 1)), (0x0037, 0x1F, wide("Prices")),
    (0x0C1A, 0x1E, "Ольга\0".encode("cp1251")), (0x1013, 0x102, "<p>The price is <b>5 €</b>.</p>".encode()),
)  # fmt: skip
FILE = attribute(2, 0x00069002, bytes(14))


def attached(title: str, data: bytes, *more: bytes) -> bytes:
    return (
        FILE
        + attribute(2, 0x00018010, title.encode("cp1251") + b"\0")
        + attribute(2, 0x0006800F, data)
        + b"".join(more)
    )


def test_a_message_with_its_attachments() -> None:
    inside = packed(attribute(1, 0x0002800C, b"The inner words.\0"))
    long_name = attribute(2, 0x00069005, properties((0x3707, 0x1F, wide("a long name.csv"))))
    inner = attribute(2, 0x00069005, properties((0x3001, 0x1F, wide("Forwarded")), (0x3701, 0x0D, bytes(16) + inside)))
    data = packed(
        CODEPAGE, attribute(1, 0x00069003, MESSAGE), attached("цены.txt", b"Bolt: 2"),
        attached("ALONGN~1.CSV", b"Part,Price\nBolt,2\n", long_name), FILE + inner,
        attached("a.bin", b"\x7fELF" + bytes(9)),
    )  # fmt: skip
    assert detect_file_type("winmail.dat", data) == "mail"
    assert text_of("winmail.dat", data) == (
        "Subject: Prices\nFrom: Ольга\n\nThe price is 5 €.\n\nцены.txt\n\nBolt: 2\n\n"
        "a long name.csv\n\nPart: Bolt\nPrice: 2\n\nForwarded\n\nThe inner words."
    )
    assert warnings_of("winmail.dat", data) == ["Attachments that were not read: a.bin."]


@pytest.mark.parametrize(
    ("body", "expected"),
    [("The price is 5 €.", "The price is 5 €."), ("See the attachment.", "See the attachment.\n\nThe price is 5 €.")],
)
def test_a_mail_has_the_message_once(body: str, expected: str) -> None:
    message = mail()
    message.set_content(body)
    data = packed(CODEPAGE, attribute(1, 0x00069003, MESSAGE), attached("a.txt", b"Bolt: 2"))
    message.add_attachment(data, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    assert text_of("a.eml", message.as_bytes()) == f"{expected}\n\na.txt\n\nBolt: 2"
    assert warnings_of("a.eml", message.as_bytes()) == []


def test_a_message_that_is_cut_off_is_read_as_far_as_possible() -> None:
    whole = packed(attribute(1, 0x0002800C, b"The words.\0"), attached("a.txt", b"Bolt: 2, nut: 3"))
    assert text_of("winmail.dat", whole[:-8]) == "The words.\n\na.txt\n\nBolt: 2,"
    assert "damaged" in warnings_of("winmail.dat", whole[:-8])[0]
    with pytest.raises(DocumentRejectedError, match="mail contains no text"):
        parse("mail", whole[:9])
