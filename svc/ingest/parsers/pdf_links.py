"""The links on a page of a PDF whose addresses are not visible in its text."""

from __future__ import annotations

import ctypes

import pypdfium2
import pypdfium2.raw as pdfium

_MOST_LINKS = 500  # of one page
_MOST_BYTES = 2_000
_SHOWN_CHARACTERS = 100
_SCHEMES = ("http://", "https://", "ftp://", "mailto:")


def page_links(page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage, text: str) -> list[str]:
    """Return a line `words: address` for each external link, in order, without repeated lines."""
    place, link, area = ctypes.c_int(0), pdfium.FPDF_LINK(), pdfium.FS_RECTF()
    shown = "".join(text.split()).lower()
    found: dict[str, None] = {}
    for _ in range(_MOST_LINKS):
        if not pdfium.FPDFLink_Enumerate(page, place, link):
            break
        address = _address(page, link)
        if not address.lower().startswith(_SCHEMES) or _bare(address) in shown:
            continue
        words = ""
        if pdfium.FPDFLink_GetAnnotRect(link, area):
            words = text_page.get_text_bounded(area.left, area.bottom, area.right, area.top)
        words = " ".join(words.replace("\ufffe", "").split())[:_SHOWN_CHARACTERS]
        found[f"{words}: {address}" if words else address] = None
    return list(found)


def _address(page: pypdfium2.PdfPage, link: object) -> str:
    action = pdfium.FPDFLink_GetAction(link)
    if not action or pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
        return ""
    size = pdfium.FPDFAction_GetURIPath(page.pdf, action, None, 0)
    if not 1 < size <= _MOST_BYTES:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFAction_GetURIPath(page.pdf, action, buffer, size)
    return "".join(buffer.raw[: size - 1].decode("utf-8", "replace").split())


def _bare(address: str) -> str:
    """The part of an address that people write."""
    return address.lower().partition(":")[2].strip("/").removeprefix("www.")
