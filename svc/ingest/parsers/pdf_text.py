"""The text in the rectangles of a page of a PDF."""

from __future__ import annotations

import ctypes
import re

import pypdfium2
import pypdfium2.raw as pdfium

from svc.ingest.parsers.pdf_objects import Box

_UNMAPPED = re.compile("[\x01\x03-\x08\x0e-\x1f]")  # U+0002 is a hyphen
_SAMPLED_CHARACTERS = 200
_MOST_UNMAPPED_SHARE = 0.02
_UNITS_OF_A_CHARACTER = 4  # at most: a pair of surrogates, and a newline before it


class PageText:
    """Reads the texts of a page.

    PDFium examines all characters of a page for each rectangle, which makes tables slow. `get_text_bounded` asks
    twice, the first time for the length; here the text is written into a buffer that is long enough for the whole page.
    To read the place of each character instead takes longer, except for thousands of cells.
    """

    def __init__(self, text_page: pypdfium2.PdfTextPage) -> None:
        self._text_page = text_page
        self._units = _UNITS_OF_A_CHARACTER * (max(text_page.count_chars(), 0) + 1)
        self._buffer = (ctypes.c_ushort * self._units)()

    def inside(self, box: Box) -> str:
        """The text of the characters that a rectangle touches, with a newline between lines."""
        written = pdfium.FPDFText_GetBoundedText(
            self._text_page, box.left, box.top, box.right, box.bottom, self._buffer, self._units
        )
        text = ctypes.string_at(self._buffer, 2 * max(written - 1, 0))  # without the NUL at its end
        return normal_text(text.decode("utf-16-le", "ignore"))


def has_unmapped(text_page: pypdfium2.PdfTextPage, text: str) -> bool:
    """Whether some characters of a page have no Unicode: they are read as their number in the font."""
    if _UNMAPPED.search(text):
        return True
    count = max(text_page.count_chars(), 0)
    step = max(count // _SAMPLED_CHARACTERS, 1)
    unmapped = sum(pdfium.FPDFText_HasUnicodeMapError(text_page, index) == 1 for index in range(0, count, step))
    return bool(unmapped > _MOST_UNMAPPED_SHARE * (count / step))


def normal_text(text: str) -> str:
    """The text of PDFium with newlines, and U+0002 for a hyphen at the end of a line."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufffe", "\x02")
