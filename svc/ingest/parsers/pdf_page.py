"""One page of a PDF: its text in the order of reading, its tables, and its notes."""

from __future__ import annotations

import re
from typing import NamedTuple

import pypdfium2

from svc.ingest.parsers import recognition
from svc.ingest.parsers.pdf_annotations import page_notes
from svc.ingest.parsers.pdf_layout import Region, regions
from svc.ingest.parsers.pdf_links import page_links
from svc.ingest.parsers.pdf_objects import Box, DrawnPage
from svc.ingest.parsers.pdf_text import PageText, has_unmapped, normal_text

_LETTERS = re.compile(r"\w+")
_BROKEN = re.compile(r"\x02\n?")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufefc]")
_MOST_CELLS = 2_000
_LOST_SHARE = 0.01
_SCANNED_DPI = 200
_STAMP_LETTERS = 200  # with fewer, the text of a page can be a stamp or the number of the page, on a scanned image


class Table(NamedTuple):
    """A table, and where its columns begin, in points from the left."""

    rows: list[list[str]]
    columns: list[float]


class Page:
    """The contents of one page: lines of text and tables in reading order, notes, and warnings."""

    def __init__(
        self, document: pypdfium2.PdfDocument, index: int, *, has_layout: bool = True, has_layers: bool = False
    ) -> None:
        """Read a page. Without `has_layout`, its columns and tables are not detected."""
        self.number = index + 1
        self.has_layout = has_layout
        self.texts = 0
        self.parts: list[list[str] | Table] = []
        self.notes: list[str] = []
        self.is_scanned = self.is_unreadable = self.is_damaged = self.has_unseen = self.has_flat = False
        self.is_recognized = self.had_no_time = self.has_unmapped = self.is_blank = self.has_layers_off = False
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            self.is_damaged = True  # the other pages are still useful
            return
        drawn = DrawnPage(page, has_layers=has_layers)
        self.has_layers_off = drawn.has_layers_off
        self.has_unseen = drawn.remove_unseen() or drawn.has_outside
        self.has_flat = drawn.has_flat
        text_page = page.get_textpage()
        # Text outside the page's box is rarely meant to be read, unless the box itself is broken.
        text = normal_text(text_page.get_text_bounded() or text_page.get_text_range())
        if _LETTERS.search(text.replace("\ufffd", "")):
            self.texts = len(drawn.texts)
            self.parts = (has_layout and _parts(text_page, text, drawn)) or [_lines(text)]
            if drawn.is_image and _letters(text) < _STAMP_LETTERS:
                self.is_scanned = True
                if recognition.is_on():
                    self._recognize_below(page)
        else:
            self.is_scanned = drawn.has_images
            if self.is_scanned and recognition.is_on():
                self._recognize(page)
            self.is_unreadable = not drawn.has_images and (bool("".join(text.split())) or text.count(" ") > 20)
        self.has_unmapped = bool(self.parts) and has_unmapped(text_page, text)
        self.notes = page_notes(page)
        self.is_blank = drawn.is_blank and not self.notes
        if links := page_links(page, text_page, text):
            self.notes.append("\n".join(["Links:", *links]))
        text_page.close()
        page.close()

    def _recognize(self, page: pypdfium2.PdfPage) -> None:
        """Use the recognized text in the image of the page as the text of the page, if there is time."""
        self.had_no_time = not recognition.has_time()
        if self.had_no_time:
            return
        longest = max(page.get_size())
        scale = min(_SCANNED_DPI / 72, recognition.LONGEST_SIDE / max(longest, 1))
        image = page.render(scale=scale, rev_byteorder=False, prefer_bgrx=False).to_numpy()
        parts = recognition.recognized(image[:, :, :3])
        self.parts = [
            Table([list(row) for row in part], []) if part and isinstance(part[0], list) else list(map(str, part))
            for part in parts
        ]
        self.is_recognized, self.is_scanned = bool(self.parts), not self.parts

    def _recognize_below(self, page: pypdfium2.PdfPage) -> None:
        """Add the recognized text of an image to the text that is printed on it, such as a number of the page."""
        printed, self.parts = self.parts, []
        self._recognize(page)
        known, recognized = (set(_LETTERS.findall("\n".join(map(_text, parts)))) for parts in (printed, self.parts))
        self.is_scanned = self.had_no_time
        self.is_recognized = not recognized <= known
        if not self.is_recognized:
            self.parts = printed
        elif not known <= recognized:
            self.parts = [*printed, *self.parts]

    @property
    def lines(self) -> list[str]:
        """All lines that are not in tables."""
        return [line for part in self.parts if not isinstance(part, Table) for line in part]


def _parts(text_page: pypdfium2.PdfTextPage, text: str, drawn: DrawnPage) -> list[list[str] | Table]:
    """The columns and tables of a page; nothing if it has none, or if they would not have the whole text."""
    if drawn.is_turned or _RIGHT_TO_LEFT.search(text):
        return []
    found = regions(drawn.texts, drawn.rules)
    cells = sum(len(row) for region in found for row in region.rows)
    if not found or cells > _MOST_CELLS:
        return []
    read = PageText(text_page)
    parts = [part for region in found if (part := _part(read, region))]
    whole, letters = _letters(text), sum(map(_letters, map(_text, parts)))
    return parts if abs(whole - letters) <= _LOST_SHARE * whole else []


def _part(page: PageText, region: Region) -> list[str] | Table:
    if not region.rows:
        return [line for line in _lines(page.inside(region.box)) if line]
    return Table([[_cell(page, cell) if cell else "" for cell in row] for row in region.rows], region.columns)


def _cell(page: PageText, box: Box) -> str:
    return _BROKEN.sub("", page.inside(box)).replace("\n", " ").strip()


def _text(part: list[str] | Table) -> str:
    return "\n".join(" ".join(row) for row in part.rows) if isinstance(part, Table) else "\n".join(part)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n")]


def _letters(text: str) -> int:
    return sum(map(len, _LETTERS.findall(text)))
