"""PDF documents, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pypdfium2

from svc.ingest.parsers.rejections import damaged, encrypted

_FPDF_ERR_PASSWORD, _FPDF_ERR_SECURITY = 4, 5


def parse_pdf(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the text of each page that can be loaded, with its number (`page`)."""
    try:
        document = pypdfium2.PdfDocument(data)  # tries the empty password by itself
    except pypdfium2.PdfiumError as error:
        if error.err_code in (_FPDF_ERR_PASSWORD, _FPDF_ERR_SECURITY):
            raise encrypted("pdf") from error
        raise
    unreadable = 0
    for index in range(len(document)):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            unreadable += 1  # the other pages are still useful
            continue
        yield _page_text(page), {"page": index + 1}
    if unreadable == len(document):
        raise damaged("pdf", f"none of its {unreadable} pages can be loaded")


def _page_text(page: pypdfium2.PdfPage) -> str:
    text_page = page.get_textpage()
    # Text outside the page's box is rarely meant to be read, unless the box itself is broken.
    text = text_page.get_text_bounded() or text_page.get_text_range()
    text_page.close()
    page.close()
    # PDFium inserts these characters where a word is hyphenated at the end of a line.
    return str(text).replace("\x02", "").replace("\ufffe", "")
