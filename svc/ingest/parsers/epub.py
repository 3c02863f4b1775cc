"""EPUB books: the chapters in the order of reading."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from lxml import etree

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.html import declared_charset, write_html
from svc.ingest.parsers.markup_parts import Seen
from svc.ingest.parsers.office import Package, packed
from svc.ingest.parsers.office_kinds import in_order
from svc.ingest.parsers.rejections import damaged, encrypted
from svc.ingest.unread import numbers

_MOST_CHAPTERS = 10_000
_PAGE = "application/xhtml+xml"
_PAGES = (".xhtml", ".html", ".htm")
_TITLE_MOST_CHARACTERS = 200

SAMPLE = packed({
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": "<c><rootfiles><rootfile full-path='a.opf'/></rootfiles></c>",
    "a.opf": "<p><manifest><item id='a' href='a.html'/></manifest><spine><itemref idref='a'/></spine></p>",
    "a.html": "<html><body><p>a</p></body></html>",
})  # fmt: skip


def parse(data: bytes) -> ReadDocument:
    """Return the chapters, with the title of the book (`chapter`)."""
    package = Package("epub", data)
    writer = Writer()
    container = package.xml("META-INF/container.xml")
    rootfile = container.find("{*}rootfiles/{*}rootfile") if container is not None else None
    main = rootfile.get("full-path") or "" if rootfile is not None else ""
    book = package.xml(main)
    if book is None and (main := next((name for name in package.names() if name.endswith(".opf")), "")):
        book = package.xml(main)  # the file that names it is missing or damaged
    if book is None or (book.find("{*}spine") is None and book.find("{*}manifest") is None):
        book = _book_of_pages(_pages(package, main))
        if not len(book):
            raise damaged("epub", "its list of chapters is missing or damaged")
        writer.warn("The list of chapters is missing or damaged; the pages were read in the order of their names.")
    items = list(book.iterfind("{*}manifest/{*}item"))
    hrefs = {item.get("id"): item.get("href") or "" for item in items}
    spine = [hrefs.get(each.get("idref"), "") for each in book.iterfind("{*}spine/{*}itemref")]
    # Pages that only links refer to, such as notes. The table of contents only repeats the headings.
    spine += [
        href
        for item in items
        if item.get("media-type") == _PAGE
        and "nav" not in (item.get("properties") or "").split()
        and (href := item.get("href") or "") not in spine
    ]
    if main in package.repaired:  # the list may be cut off
        spine += [href for href in _pages(package, main) if href not in spine]
    if len(spine) > _MOST_CHAPTERS:
        writer.warn(f"The book has {len(spine)} chapters, of which the first {_MOST_CHAPTERS} were read.")
    spine = spine[:_MOST_CHAPTERS]
    parts = [posixpath.normpath(posixpath.join(posixpath.dirname(main), unquote(href))) for href in spine]
    locked = _encrypted_parts(package)
    if parts and all(part.lower() in locked for part in parts):
        raise encrypted("epub")
    seen = Seen()
    title = " ".join((book.findtext("{*}metadata/{*}title") or "").split())[:_TITLE_MOST_CHARACTERS]
    unread = []
    for number, part in enumerate(parts, 1):
        content = None if part.lower() in locked else package.read(part)
        if content is None:
            unread.append(number)
            continue
        writer.place = {"chapter": number}
        try:
            write_html(clean_text(decode_text(content, declared_charset(content))), writer, seen)
        except (DocumentRejectedError, etree.LxmlError, ValueError, RecursionError):
            unread.append(number)
    writer.place = {}
    package.warn(writer)
    seen.warn(writer)
    if title:
        writer.title = title
    if unread:
        writer.warn(f"Chapters that are missing, damaged or encrypted were not read: {numbers(unread)}.")
    return writer.document()


def _pages(package: Package, main: str) -> list[str]:
    """The pages of a book in the order of their names, as seen from its main part."""
    pages = [name for name in package.original_names() if name.lower().endswith(_PAGES)]
    folder = posixpath.dirname(main) or "."
    return [posixpath.relpath(name, folder) for name in sorted(pages, key=in_order)]


def _book_of_pages(pages: list[str]) -> etree._Element:
    """The list of chapters that a book without one may have."""
    book = etree.Element("package")
    if pages:
        manifest, spine = etree.SubElement(book, "manifest"), etree.SubElement(book, "spine")
    for page in pages:
        etree.SubElement(manifest, "item", id=page, href=page)
        etree.SubElement(spine, "itemref", idref=page)
    return book


def _encrypted_parts(package: Package) -> set[str]:
    root = package.xml("META-INF/encryption.xml")
    found = root.iter("{*}CipherReference") if root is not None else ()
    return {unquote(each.get("URI") or "").lower() for each in found}
