"""XML, and the feeds that are written in it: the text of the elements, without the marks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import msgspec
from lxml import etree

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers import excel, odp, ods, odt, powerpoint, word
from svc.ingest.parsers.addresses import Addresses, with_address
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.excel2003 import WORKBOOK_2003, write_workbook
from svc.ingest.parsers.flat_office import flat_office
from svc.ingest.parsers.html import write_html
from svc.ingest.parsers.noise import without_noise
from svc.ingest.parsers.office import parse_xml
from svc.ingest.parsers.repaired_xml import repaired
from svc.ingest.parsers.xml_entities import with_entities

_LINKS = ("href", "url", "src")
_TECHNICAL = frozenset(("id", "class", "style", "role", "rend", "lang", "space", "base", "version", "ispermalink"))
_XML = ("{http://www.w3.org/XML/1998/namespace}", "{http://www.w3.org/2001/XMLSchema-instance}")
_NAMED = 10  # in a warning
_LINE = re.compile(r", on lines? [\d, …]+,")  # of the element, which is not that of the file
_OFFICE = {
    "docx": word.parse, "xlsx": excel.parse, "pptx": powerpoint.parse, "odt": odt.parse, "ods": ods.parse,
    "odp": odp.parse,
}  # fmt: skip
_INCLUDE = "{http://www.w3.org/2001/XInclude}include"
_TITLES = ("title", "head", "heading", "subject", "name", "label")
_ITEMS = ("item", "entry")
_DECLARATIONS = re.compile(
    rb"(?>\s+|<\?.{0,500}?\?>|<!--.{0,5000}?-->){0,50}+<!(?:ELEMENT|ATTLIST|ENTITY|NOTATION)\s", re.DOTALL
)
_FEEDS = ("rss", "feed", "rdf")
_XHTML = "{http://www.w3.org/1999/xhtml}"
_TITLE_MOST_CHARACTERS = 200
_MOST_PARTS = 50  # of a paragraph in which no text follows them
_LAST_PARTS = 4
# Elements inside a paragraph whose words do not continue in the words around them.
_PARTS = frozenset((
    *_TITLES, "p", "para", "list", "item", "list-item", "listitem", "li", "table", "row", "tr", "td", "th", "entry",
    "cell", "sec", "section", "fn", "note", "caption", "br", "lb", "line", "l",
))  # fmt: skip

SAMPLE = b"<?xml version='1.0'?><doc><title>a</title><p>b</p></doc>"


def parse(data: bytes) -> ReadDocument:
    """Return the text of each element that has some, the titles as headings."""
    writer, addresses = Writer(), Addresses()
    if _DECLARATIONS.match(data):  # of a document type, which has no elements
        writer.add("code", clean_text(decode_text(data)))
        return writer.document()
    data, unread = with_entities(data)
    root = _root(data, writer)
    if root is None:  # a lenient parser's result is better than nothing
        write_html(clean_text(decode_text(data)), writer)
        writer.warn("The file is not valid XML; it was read as HTML.")
        return writer.document()
    if flat := flat_office(root):
        document = _OFFICE[flat[0]](flat[1])
        return msgspec.structs.replace(document, warnings=[*writer.document().warnings, *document.warnings])
    if root.tag == WORKBOOK_2003:
        write_workbook(root, writer)
        return writer.document()
    _write(root, writer, addresses)
    if unread:
        writer.warn(f"References to entities that were not read: {', '.join(unread[:_NAMED])}.")
    if others := list(dict.fromkeys(each.get("href") or "a part" for each in root.iter(_INCLUDE))):
        writer.warn(f"Parts in other files that were not read: {', '.join(others[:_NAMED])}.")
    for warning in addresses.warnings():
        writer.warn(warning)
    return writer.document()


def _root(data: bytes, writer: Writer) -> etree._Element | None:
    """The root of the file, or of all that can be read of it."""
    try:
        return parse_xml(data)
    except etree.XMLSyntaxError as error:
        if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise
    root = repaired(data, has_roots=True)
    if root is None or not "".join(map(str, root.itertext())).strip():
        return None
    writer.warn("The file is not valid XML; it was read as far as possible.")
    return root


def _write(root: etree._Element, writer: Writer, addresses: Addresses) -> None:
    depth = 0
    is_feed = _name(root) in _FEEDS
    events = etree.iterwalk(root, events=("start", "end"))
    for event, element in events:
        if event == "end":
            depth -= 1
            if element is not root:
                writer.add("text", element.tail or "")
            continue
        depth += 1
        has_text = bool((element.text or "").strip())
        if str(element.tag).startswith(_XHTML) and element is not root:
            page = etree.tostring(element, encoding="unicode", with_tail=False)
            _write_page(clean_text(page), depth, writer)
            events.skip_subtree()
            continue
        if not _is_drawing(element):
            values = [
                f"{name}: {value}"
                for name, value in _attributes(element, is_alone=not has_text)
                if not (is_feed and name == "type" and (has_text or len(element)))  # that of the text
            ]
            writer.add("text", "\n".join(values))
        if _is_drawing(element) and _name(element) in ("style", "script"):
            events.skip_subtree()
        elif len(element) and (_is_mixed(element) or (_is_drawing(element) and _name(element) == "text")):
            writer.add("text", " ".join(_mixed_text(element, addresses).split()))
            events.skip_subtree()
        elif has_text:
            _write_element(element, _name(element), depth, writer, is_feed=is_feed)


def _attributes(element: etree._Element, *, is_alone: bool) -> Iterator[tuple[str, str]]:
    """The attributes that say something: all of an element that has nothing else, else not those for programs."""
    is_alone = is_alone and not len(element)
    for key, value in element.items():
        name = key.rpartition("}")[2]
        if value.strip() and (is_alone or (name.lower() not in _TECHNICAL and not key.startswith(_XML))):
            yield name, value


def _mixed_text(element: etree._Element, addresses: Addresses) -> str:
    """The text of a paragraph with other elements in it, and the addresses of its links."""
    parts: list[str] = []
    begun: list[int] = []
    for event, node in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            last = next(filter(None, reversed(parts[-_LAST_PARTS:])), " ")[-1]
            if node is not element and _is_apart(node) and last not in "([{":
                parts.append(" ")
            begun.append(len(parts))
            parts.append(node.text or "")
            continue
        start = begun.pop()
        if node is element:
            continue
        target = next((value for key, value in node.items() if key.rpartition("}")[2].lower() in _LINKS), "")
        words = "".join(parts[start:]) if target else ""
        if address := addresses.beside(words, target):
            parts[start:] = [with_address(words, address)]
        tail = node.tail or ""
        if _name(node) in _PARTS and (not tail or tail[0].isalnum()):
            parts.append(" ")
        parts.append(tail)
    return "".join(parts)


def _is_drawing(element: etree._Element) -> bool:
    return "svg" in str(element.tag).partition("}")[0]


def _is_apart(node: etree._Element) -> bool:
    """Whether the words of an element inside a paragraph do not continue the words before it."""
    before = node.getprevious()
    return _name(node) in _PARTS or (before is not None and before.tag == node.tag and not before.tail)


def _is_mixed(element: etree._Element) -> bool:
    """Whether text and elements alternate, as in a paragraph with emphasis."""
    if any((child.tail or "").strip() for child in element):
        return True
    if not (element.text or "").strip():
        return False
    inside = list(islice(element.iterdescendants(), _MOST_PARTS + 1))
    return len(inside) <= _MOST_PARTS and not any(_name(each) in _TITLES for each in inside)


def _write_element(element: etree._Element, name: str, depth: int, writer: Writer, *, is_feed: bool) -> None:
    text, warnings = without_noise((element.text or "").strip())
    for warning in warnings:
        writer.warn(_LINE.sub(",", warning))
    if "<" in text and ">" in text and name in ("description", "encoded", "content", "summary"):
        _write_page(clean_text(text), depth, writer)  # feeds carry HTML as text
    elif name in (("title",) if is_feed else _TITLES) and len(text) <= _TITLE_MOST_CHARACTERS and not len(element):
        text = _text_of_page(clean_text(text)) if is_feed and ("&" in text or "<" in text) else text
        writer.add("heading", " ".join(text.split()), level=_level(depth))
    else:
        writer.add("text", text)


def _level(depth: int) -> int:
    """The level of a title that is `depth` elements deep."""
    return min(depth - 1, 6) or 1


def _write_page(source: str, depth: int, writer: Writer) -> None:
    """Write HTML inside of an element, with its headings below the title beside it."""
    page = Writer()
    write_html(source, page)
    document, above = page.document(), _level(depth)
    blocks = [
        msgspec.structs.replace(block, level=above + block.level if block.kind == "heading" else 0)
        for block in document.blocks
    ]
    writer.add_blocks(msgspec.structs.replace(document, blocks=blocks))


def _text_of_page(source: str) -> str:
    page = Writer()
    write_html(source, page)
    return page.document().text


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()
