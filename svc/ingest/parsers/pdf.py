"""PDF documents: the text of the pages, with what people have filled in and noted."""

from __future__ import annotations

import io
import re
from collections import Counter

import pypdfium2
import pypdfium2.raw as pdfium

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.pdf_annotations import page_notes
from svc.ingest.parsers.rejections import damaged, encrypted
from svc.ingest.tokens import count_tokens
from svc.ingest.unread import numbers

_FPDF_ERR_PASSWORD, _FPDF_ERR_SECURITY = 4, 5
_RUNNING_LINES = 2  # at the top and at the bottom of a page
_RUNNING_PAGES = 3
_PAGE_NUMBER_LETTERS = 10  # such as: Page 3 of 17
_DIGITS = re.compile(r"\d+")
_SENTENCE_END = re.compile(r"[.!?:;。！？…)\]”»\"]\s*$")
_LETTER = re.compile(r"\w", re.UNICODE)
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_HYPHENED = re.compile(r"(\w*)\x02(\w*)")
_DIVIDED_LETTERS = 2  # nobody divides a word behind its first letter
_BROKEN = re.compile(r"\w*[\x02]\Z")


def parse(data: bytes) -> ReadDocument:
    """Return the text of each page that can be loaded, with its number (`page`)."""
    try:
        document = pypdfium2.PdfDocument(data)  # tries the empty password by itself
    except pypdfium2.PdfiumError as error:
        if error.err_code in (_FPDF_ERR_PASSWORD, _FPDF_ERR_SECURITY):
            raise encrypted("pdf") from error
        raise
    pages = [_Page(document, index) for index in range(len(document))]
    if pages and all(page.is_damaged for page in pages):
        raise damaged("pdf", f"none of its {len(pages)} pages can be loaded")
    writer = Writer()
    _write_pages(pages, writer)
    _warn(pages, writer)
    return writer.document()


class _Page:
    """What is on one page: its lines, its notes, and whether it has images."""

    def __init__(self, document: pypdfium2.PdfDocument, index: int) -> None:
        self.number = index + 1
        self.lines: list[str] = []
        self.notes: list[str] = []
        self.has_images = self.is_unreadable = self.is_damaged = False
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            self.is_damaged = True  # the other pages are still useful
            return
        text = _page_text(page)
        shown = text.replace("\ufffd", "")
        if _LETTER.search(shown):
            self.lines = [line.rstrip() for line in text.split("\n")]
        else:
            self.is_unreadable = len("".join(text.split())) > 0 or text.count(" ") > 20
            self.has_images = any(each.type == pdfium.FPDF_PAGEOBJ_IMAGE for each in page.get_objects(max_depth=3))
        self.notes = page_notes(page)
        page.close()


def _page_text(page: pypdfium2.PdfPage) -> str:
    text_page = page.get_textpage()
    # Text outside the page's box is rarely meant to be read, unless the box itself is broken.
    text = text_page.get_text_bounded() or text_page.get_text_range()
    text_page.close()
    return str(text).replace("\r\n", "\n").replace("\r", "\n")


def _write_pages(pages: list[_Page], writer: Writer) -> None:
    running, seen = _running_lines(pages), set[str]()
    texts = [_marked_hyphens("\n".join(_without_running(page.lines, running, seen))) for page in pages]
    words = {word.lower() for text in texts for word in _WORD.findall(_HYPHENED.sub(" ", text))}
    carried, last = "", ""
    for page, source in zip(pages, texts, strict=True):
        writer.place = {"page": page.number}
        text = _HYPHENED.sub(lambda found: _join(found, words), carried + source.strip())
        carried = ""
        if (broken := _BROKEN.search(text)) and page is not pages[-1]:
            text, carried = text[: broken.start()], broken.group()  # the word goes to the next page
        writer.add("text", text, joint="\n" if _is_continued(last, text) else "")
        last = text if text else last
        for note in page.notes:
            writer.add("text", note)
            last = note


def _running_lines(pages: list[_Page]) -> set[str]:
    """The headers and footers: lines at the edge of most pages that differ only in numbers."""
    with_text = [page for page in pages if page.lines]
    if len(with_text) < _RUNNING_PAGES:
        return set()
    counts = Counter(key for page in with_text for key in {_key(line) for line in _edges(page.lines)})
    return {key for key, count in counts.items() if key and count * 2 > len(with_text) and count >= _RUNNING_PAGES}


def _edges(lines: list[str]) -> list[str]:
    filled = [line for line in lines if line.strip()]
    return [*filled[:_RUNNING_LINES], *filled[-_RUNNING_LINES:]] if len(filled) > 2 * _RUNNING_LINES else filled


def _key(line: str) -> str:
    """What the same header has in common on all pages: its words, or if it is little more, the place of the number."""
    words = " ".join(line.split())
    shape = _DIGITS.sub("#", words)
    return shape if sum(map(str.isalpha, shape)) <= _PAGE_NUMBER_LETTERS else words


def _without_running(lines: list[str], running: set[str], seen: set[str]) -> list[str]:
    """The lines without headers and footers that were on an earlier page."""
    if not running:
        return lines
    edges = {line for line in _edges(lines) if _key(line) in running}
    kept = []
    for line in lines:
        if line in edges:
            if (key := _key(line)) in seen or not key.strip("# "):
                continue
            seen.add(key)
        kept.append(line)
    return kept


def _marked_hyphens(text: str) -> str:
    """Mark with U+0002, as PDFium does for some, every hyphen at the end of a line that may divide a word."""
    text = re.sub(r"[\x02\xad]\n?", "\x02", text.replace("\ufffe", "\x02"))
    text = re.sub(r"(?<=\w)[-\u2010]\n(?=\w)", "\x02", text)
    return re.sub(r"(?<=\s)[-\u2212]\n(?=\d)", "-", text)  # a minus


def _join(found: re.Match[str], words: set[str]) -> str:
    """Join a word that is divided at the end of a line, as the rest of the document writes it."""
    left, right = found.groups()
    glued, hyphened = f"{left}{right}", f"{left}-{right}"
    if not left or not right or glued.lower() in words:
        return glued
    if not (left.isalpha() and right.isalpha()) or hyphened.lower() in words:
        return hyphened
    if min(len(left), len(right)) < _DIVIDED_LETTERS or (right[0].isupper() and not right.isupper()):
        return hyphened
    # Two words with a hyphen have no more tokens apart than as one, unlike the two halves of a word.
    return glued if count_tokens(glued) < count_tokens(left) + count_tokens(right) else hyphened


def _is_continued(text: str, following: str) -> bool:
    """Whether a sentence goes on from the end of a page to the next."""
    return bool(text) and not _SENTENCE_END.search(text) and not following.lstrip()[:1].isupper()


def _warn(pages: list[_Page], writer: Writer) -> None:
    damaged_pages = [page.number for page in pages if page.is_damaged]
    scanned = [page.number for page in pages if page.has_images]
    unreadable = [page.number for page in pages if page.is_unreadable and not page.has_images]
    for found, one, several in (
        (scanned, "is a scanned image, which was", "are scanned images, which were"),
        (unreadable, "has fonts without Unicode, so its text was", "have fonts without Unicode, so their text was"),
        (damaged_pages, "is damaged and was", "are damaged and were"),
    ):
        if len(found) == 1:
            writer.warn(f"Page {found[0]} {one} not read.")
        elif found:
            writer.warn(f"Pages {numbers(found)} {several} not read.")


def _sample() -> bytes:
    document, written = pypdfium2.PdfDocument.new(), io.BytesIO()
    document.new_page(100, 100)
    document.save(written)
    return written.getvalue()


SAMPLE = _sample()
