"""A small PDF from plain text, so that the demo has a real one to upload: one standard font, one line a line."""

from __future__ import annotations

from collections.abc import Sequence

_FONT_SIZE = 10
_LINE_HEIGHT = 14
# A4 in points, and where the first line stands.
_PAGE_BOX = "0 0 595 842"
_FIRST_LINE = "72 770"


def pdf_of(pages: Sequence[str]) -> bytes:
    """A PDF with one page for each text, in the characters of Windows-1252, whose lines are short enough to fit."""
    # Objects 1 to 3 are catalogue, page tree and font; each page is two more, itself and what is written on it.
    numbers = [4 + 2 * index for index in range(len(pages))]
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, text in zip(numbers, pages, strict=True):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{_PAGE_BOX}] /Contents {number + 1} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        written = _written(text)
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(written), written))
    return _file_of(objects)


def _written(text: str) -> bytes:
    """The operators that write `text` on a page."""
    lines = "\n".join(f"({_escaped(line)}) '" for line in text.splitlines())
    return f"BT /F1 {_FONT_SIZE} Tf {_LINE_HEIGHT} TL {_FIRST_LINE} Td\n{lines}\nET".encode("cp1252")


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _file_of(objects: Sequence[bytes]) -> bytes:
    """The objects, numbered from 1, then the table that says at which byte each begins."""
    file = bytearray(b"%PDF-1.4\n")
    table = [b"0000000000 65535 f \n"]
    for number, content in enumerate(objects, start=1):
        table.append(b"%010d 00000 n \n" % len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(file)
    file += b"xref\n0 %d\n%b" % (len(table), b"".join(table))
    file += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(table), start)
    return bytes(file)
