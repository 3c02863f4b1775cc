"""PDF documents: the text of the pages below the headings of the outline, with filled-in form fields and notes."""

from __future__ import annotations

import io
import re

import pypdfium2

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers import recognition
from svc.ingest.parsers.hyphens import BROKEN_END, Joiner, marked_hyphens
from svc.ingest.parsers.pdf_annotations import MEDIA
from svc.ingest.parsers.pdf_files import write_files, write_form
from svc.ingest.parsers.pdf_layers import has_layers
from svc.ingest.parsers.pdf_outline import Entry, divided, outline
from svc.ingest.parsers.pdf_page import Page, Table
from svc.ingest.parsers.pdf_running import RunningLines
from svc.ingest.parsers.rejections import damaged, encrypted
from svc.ingest.unread import numbers

_FPDF_ERR_PASSWORD, _FPDF_ERR_SECURITY = 4, 5
_SENTENCE_END = re.compile(r"[.!?:;。！？…)\]”»\"]\s*$")
_CATALOG = re.compile(rb"(?:^|\s)(\d{1,10})\s+(\d{1,5})\s+obj\s*<<(?:[^<>]|<[^<>]*>){0,500}?/Type\s*/Catalog\b")
_PAGES, _PAGE, _OBJECTS = (re.compile(rb"/Type\s*/" + name + rb"\b") for name in (b"Pages", b"Page", b"ObjStm"))
_HEADER_WITHIN_BYTES = 1024
_SAME_COLUMN_POINTS = 6.0
_MOST_TEXTS = 250_000  # whose places are compared, which takes about ten seconds

_Part = str | Table | Entry


def parse(data: bytes) -> ReadDocument:
    """Return the text of each page that can be loaded, with its number (`page`)."""
    document = _opened(data if b"%PDF-" in data[:_HEADER_WITHIN_BYTES] else b"%PDF-1.4\n" + data)
    document.init_forms()  # Fields can inherit their values from parents.
    pages: list[Page] = []
    texts, layered = 0, has_layers(data)
    for index in range(len(document)):
        pages.append(Page(document, index, has_layout=texts < _MOST_TEXTS, has_layers=layered))
        texts += pages[-1].texts
    if pages and all(page.is_damaged for page in pages):
        raise damaged("pdf", f"none of its {len(pages)} pages can be loaded")
    writer = Writer()
    _write_pages(pages, outline(document), writer)
    writer.place = {}
    write_form(document, writer)
    write_files(document, [note for page in pages for note in page.notes], writer)
    _warn(pages, writer)
    return writer.document()


def _opened(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)  # tries the empty password by itself
    except pypdfium2.PdfiumError as error:
        if error.err_code in (_FPDF_ERR_PASSWORD, _FPDF_ERR_SECURITY):
            raise encrypted("pdf") from error
        if _PAGES.search(data) and not _PAGE.search(data) and not _OBJECTS.search(data):
            raise damaged("pdf", "it has no page") from error
        catalog = next(iter(_CATALOG.findall(data)[-1:]), None)
        if catalog is None:
            raise
        # The pointer to the start of the document is missing: it is at the end, which may be truncated.
        return pypdfium2.PdfDocument(data + b"\ntrailer<</Root %s %s R>>\nstartxref\n0\n%%%%EOF" % catalog)


def _write_pages(pages: list[Page], headings: dict[int, list[Entry]], writer: Writer) -> None:
    running = RunningLines([page.lines for page in pages])
    parts: list[tuple[Page, _Part]] = []
    headings = headings if any(page.parts for page in pages) else {}
    for page in pages:
        repeated = running.repeated(page.lines)
        entries = headings.get(page.number - 1, [])
        of_page: list[_Part] = []
        for part in page.parts:
            if isinstance(part, Table):
                of_page.append(part)
                continue
            for each in divided([line for line in part if line not in repeated], entries):
                of_page.append(each if isinstance(each, Entry) else marked_hyphens("\n".join(each)).strip())
        if entries and not any(isinstance(part, Entry) for part in of_page):
            of_page = [*entries, *of_page]  # their words are nowhere on the page, which they head all the same
        parts += [(page, part) for part in of_page or ([""] if page.notes else [])]
    joiner = Joiner(part for _, part in parts if isinstance(part, str))
    _write_parts(parts, joiner, writer)


def _write_parts(parts: list[tuple[Page, _Part]], joiner: Joiner, writer: Writer) -> None:
    carried, last = "", ""
    table: Table | None = None  # the last thing that was written, if it is one
    for number, (page, part) in enumerate(parts):
        writer.place = {"page": page.number}
        following = parts[number + 1] if number + 1 < len(parts) else None
        if isinstance(part, Table):
            table = _continued(table, part) or part
            writer.add_table(table.rows)
            last = ""
        elif isinstance(part, Entry):
            writer.add("heading", part.title, level=part.level)
            table, last = None, ""
        else:
            text = carried + part
            broken = BROKEN_END.search(text)
            carried = broken.group() if broken and following and isinstance(following[1], str) else ""
            text = joiner.joined(text[: broken.start()] if broken and carried else text)
            writer.add("text", text, joint="\n" if _is_continued(last, text) else "")
            last = text if text else last
            table = None if text.strip() else table
        if following is None or following[0] is not page:
            for note in (each for each in page.notes if each != MEDIA):
                writer.add("text", note)
                last, table = note, None


def _continued(above: Table | None, table: Table) -> Table | None:
    """The table with the names of the columns of the one above, which it continues; None if it is another one."""
    if above is None or len(above.columns) != len(table.columns):
        return None
    if any(abs(a - b) > _SAME_COLUMN_POINTS for a, b in zip(above.columns, table.columns, strict=True)):
        return None
    head = above.rows[0]
    return table if table.rows[0] == head else Table([head, *table.rows], table.columns)


def _is_continued(text: str, following: str) -> bool:
    """Whether a sentence continues from the end of a page or a column on the next one."""
    return bool(text) and not _SENTENCE_END.search(text) and not following.lstrip()[:1].isupper()


def _warn(pages: list[Page], writer: Writer) -> None:
    off = "" if recognition.is_on() else "; an operator can turn character recognition on (CABINET_OCR)"
    for found, one, several in (
        (
            [page.number for page in pages if page.is_scanned and page.parts and not page.had_no_time],
            f"is mostly an image, which was not read{off}", f"are mostly images, which were not read{off}",
        ),
        (
            [page.number for page in pages if page.is_scanned and not page.parts and not page.had_no_time],
            f"is a scanned image, which was not read{off}", f"are scanned images, which were not read{off}",
        ),
        (
            [page.number for page in pages if page.had_no_time],
            "is a scanned image, which there was no time to read (CABINET_PARSE_CPU_S)",
            "are scanned images, which there was no time to read (CABINET_PARSE_CPU_S)",
        ),
        (
            [page.number for page in pages if page.is_recognized],
            "is a scanned image, whose text was recognized and may have errors",
            "are scanned images, whose text was recognized and may have errors",
        ),
        (
            [page.number for page in pages if page.is_unreadable],
            "has fonts without Unicode, so its text was not read",
            "have fonts without Unicode, so their text was not read",
        ),
        (
            [page.number for page in pages if page.has_unmapped],
            "has fonts without Unicode, so that some of its text may be wrong or missing",
            "have fonts without Unicode, so that some of their text may be wrong or missing",
        ),
        (
            [page.number for page in pages if page.has_flat],
            "has vertical text whose font is not in the file, which was not read",
            "have vertical text whose font is not in the file, which was not read",
        ),
        (
            [page.number for page in pages if page.is_blank],
            "is empty, or its contents are damaged", "are empty, or their contents are damaged",
        ),
        (
            [page.number for page in pages if MEDIA in page.notes],
            "has a film, a recording or a model, which was not read",
            "have films, recordings or models, which were not read",
        ),
        (
            [page.number for page in pages if page.is_damaged],
            "is damaged and was not read", "are damaged and were not read",
        ),
        (
            [page.number for page in pages if page.has_layers_off],
            "has layers that are switched off, whose text was not read",
            "have layers that are switched off, whose text was not read",
        ),
        (
            [page.number for page in pages if page.has_unseen],
            "has invisible text, which was not read", "have invisible text, which was not read",
        ),
    ):  # fmt: skip
        if len(found) == 1:
            writer.warn(f"Page {found[0]} {one}.")
        elif found:
            writer.warn(f"Pages {numbers(found)} {several}.")
    if plain := [page.number for page in pages if page.parts and not page.has_layout]:
        writer.warn(f"Columns and tables were not detected on pages {plain[0]} to {plain[-1]}, after too many texts.")


def _sample() -> bytes:
    document, written = pypdfium2.PdfDocument.new(), io.BytesIO()
    document.new_page(100, 100)
    document.save(written)
    return written.getvalue()


SAMPLE = _sample()
