"""A parser reads the same text inside the sandbox, where it cannot open files, as outside."""

from __future__ import annotations

import zipfile
from io import BytesIO

from svc.ingest.packing import split
from svc.ingest.parse import parse
from tests.ingest.office_files import package, paragraph, word
from tests.ingest.test_format_table import EXAMPLES
from tests.ingest.test_formats import mail
from tests.ingest.test_more_formats import book
from tests.ingest.test_sandbox import sandbox


def compressed(method: int) -> bytes:
    """An archive with a compression whose module is rarely loaded."""
    written = BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        archive.writestr("a.txt", "Packed tightly. " * 20)
    return written.getvalue()


def mail_with_files() -> bytes:
    message = mail(Subject="Files", Date="Mon, 2 Nov 2026 10:00:00 +0000")
    message.set_content("See below.")
    for name, data in (("a.docx", word(paragraph("A clause."))), ("b.zip", package(**{"c.rtf": EXAMPLES["rtf"]}))):
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


UNUSUAL: list[tuple[str, bytes]] = [
    (
        "rtf",
        rb"{\rtf1\ansi\ansicpg1251{\fonttbl{\f1\fcharset128 a;}{\f2\fcharset77 b;}}\'cf\'f0 {\f1\'93\'fa}{\f2\'8a}}",
    ),
    ("epub", book("<p>Łódź</p>")),
    ("html", "<meta charset=iso-8859-2><p>Łódź".encode("iso-8859-2")),
    ("zip", compressed(zipfile.ZIP_BZIP2)),
    ("zip", compressed(zipfile.ZIP_LZMA)),
    ("mail", mail_with_files()),
    ("latex", rb"\'e\"u \c{c} $x$"),
]


async def test_every_format_is_read_in_the_sandbox_as_outside() -> None:
    async with sandbox() as opened:
        for file_type, data in [*EXAMPLES.items(), *UNUSUAL]:
            document = parse(file_type, data)
            wanted = split(document, chunk_tokens=512, overlap_tokens=64, max_chunks=20_000)
            assert await opened.chunks(file_type, data) == wanted, file_type
