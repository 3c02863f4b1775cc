"""HTML pages: the visible text, without the navigation."""

from __future__ import annotations

import re

from lxml import etree, html

from svc.fields.charsets import text_codec
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.markup import write_markup
from svc.ingest.parsers.markup_parts import Seen, page_parser
from svc.ingest.parsers.markup_source import flattened, with_character_data
from svc.ingest.parsers.rejections import nests_too_deeply

_CHARSET = re.compile(rb"""(?:charset|<\?xml[^>]{1,80}encoding)\s*=\s*["']?\s*([a-z0-9_:.+-]{2,40})""", re.IGNORECASE)
_DATA_URI = re.compile(r"data:[^\s\"'>)]{200,}", re.IGNORECASE)
_TITLE_MOST_CHARACTERS = 200  # the title is embedded with every chunk

SAMPLE = b"<p>a</p>"


def parse(data: bytes) -> ReadDocument:
    """Return the visible text of the page, with its title; if there is no text, only the title."""
    writer = Writer()
    write_html(clean_text(decode_text(data, declared_charset(data))), writer)
    document = writer.document()
    if document.title and not document.blocks:
        writer.add("text", document.title)
        document = writer.document()
    return document


def write_html(source: str, writer: Writer, seen: Seen | None = None) -> None:
    """Write the blocks of a page, whose title becomes that of the document.

    If `seen` is given, for pages that are one document, the caller adds the warnings about all of them at the end.
    """
    # lxml rejects an encoding declaration in a decoded string.
    source = re.sub(r"^\s*<\?xml[^>]*>", "", _DATA_URI.sub("", source))
    source = with_character_data(source)
    if not source.strip():
        return
    try:
        tree, is_whole = _parsed(source)
        if not is_whole:
            tree, is_whole = _parsed(flattened(source))
            writer.warn("The page is nested too deeply; its text was read without its structure.")
    except etree.ParserError:  # nothing but comments, instructions or a document type
        return
    if not is_whole:
        raise nests_too_deeply("html")  # the rest was not read
    title = " ".join((tree.findtext(".//head/title") or "").split())[:_TITLE_MOST_CHARACTERS]
    body = tree.find("body")
    base = next(tree.iter("base"), None)
    noted = Seen() if seen is None else seen
    noted.base = (base.get("href") or "") if base is not None else ""
    write_markup(tree if body is None else body, writer, noted)
    if seen is None:
        noted.warn(writer)
    if title and not writer.title:
        writer.title = title


def _parsed(source: str) -> tuple[etree._Element, bool]:
    """The tree of a page, and whether it is complete: the parser stops at elements that are nested too deeply."""
    parser = page_parser()
    tree = html.document_fromstring(source, parser=parser)
    return tree, not any(error.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for error in parser.error_log)


def declared_charset(data: bytes) -> str | None:
    """The codec of the charset that a page or an XML file declares, if it is one of text."""
    found = _CHARSET.search(data[:4096])
    name = text_codec(found.group(1).decode("ascii")) if found else None
    return None if name is None or name.startswith("utf") else name  # UTF-8 is tried first anyway
