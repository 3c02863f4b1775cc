"""XML, and the feeds that are written in it: the text of the elements, without the marks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.entities import name2codepoint

from lxml import etree

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.addresses import Addresses, with_address
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.html import write_html
from svc.ingest.parsers.office import parse_xml

_LINKS = ("href", "url", "src")
_TECHNICAL = frozenset(("id", "class", "style", "role", "rend", "lang", "space", "base", "version", "ispermalink"))
_XML = ("{http://www.w3.org/XML/1998/namespace}", "{http://www.w3.org/2001/XMLSchema-instance}")
_DECLARED_BYTES = 65_536
_MOST_EXPANDED_BYTES = 4 * 2**20
_NAMED = 10  # in a warning
_ENTITY = re.compile(rb"""<!ENTITY\s+([\w.-]+)\s+(["'])([^"'&<%]{0,1000})\2\s*>""")
_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL)
_REFERENCE = re.compile(rb"&([A-Za-z_][\w.-]*);")
_PREDEFINED = (b"amp", b"lt", b"gt", b"quot", b"apos")
_NAMED_CHARACTERS = {name.encode(): code for name, code in name2codepoint.items()}
_TITLES = ("title", "head", "heading", "subject", "name", "label")
_ITEMS = ("item", "entry")
_TITLE_MOST_CHARACTERS = 200

SAMPLE = b"<?xml version='1.0'?><doc><title>a</title><p>b</p></doc>"


def parse(data: bytes) -> ReadDocument:
    """Return the text of each element that has some, the titles as headings."""
    data, unread = _with_entities(data)
    try:
        root = parse_xml(data)
    except etree.XMLSyntaxError as error:
        if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise
        # What browsers make of it is better than nothing.
        writer = Writer()
        write_html(clean_text(decode_text(data)), writer)
        writer.warn("The file is not valid XML; it was read as HTML.")
        return writer.document()
    writer, addresses = Writer(), Addresses()
    _write(root, writer, addresses)
    if unread:
        writer.warn(f"References to entities that were not read: {', '.join(unread[:_NAMED])}.")
    for warning in addresses.warnings():
        writer.warn(warning)
    return writer.document()


def _with_entities(data: bytes) -> tuple[bytes, list[str]]:
    """The file with the plain texts that its entities stand for, and the names of the other entities.

    The parser expands none, since they could be files of the machine, or grow without end.
    """
    if b"<!DOCTYPE" not in data[:_DECLARED_BYTES]:
        return data, []
    known = {name: b"&#%d;" % code for name, code in _NAMED_CHARACTERS.items()}
    known |= {name: value for name, _, value in _ENTITY.findall(data[:_DECLARED_BYTES])}
    unread: dict[str, None] = {}
    room = _MOST_EXPANDED_BYTES

    def expanded(reference: re.Match[bytes]) -> bytes:
        nonlocal room
        name = reference.group(1)
        value = known.get(name)
        if name in _PREDEFINED:
            return reference.group()
        if value is None or room < len(value):
            unread[name.decode("ascii", "replace")[:50]] = None
            return reference.group()
        room -= len(value)
        return value

    declared = _DOCTYPE.match(data, data.find(b"<!DOCTYPE"))
    start = declared.end() if declared else 0
    return data[:start] + _REFERENCE.sub(expanded, data[start:]), list(unread)


def _write(root: etree._Element, writer: Writer, addresses: Addresses) -> None:
    depth = 0
    events = etree.iterwalk(root, events=("start", "end"))
    for event, element in events:
        if event == "end":
            depth -= 1
            if element is not root:
                writer.add("text", element.tail or "")
            continue
        depth += 1
        has_text = bool((element.text or "").strip())
        if not _is_drawing(element):
            values = [f"{name}: {value}" for name, value in _attributes(element, is_alone=not has_text)]
            writer.add("text", "\n".join(values))
        if len(element) and _is_mixed(element):
            writer.add("text", " ".join(_mixed_text(element, addresses).split()))
            events.skip_subtree()
        elif has_text:
            _write_element(element, _name(element), depth, writer)


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
        parts.append(node.tail or "")
    return "".join(parts)


def _is_drawing(element: etree._Element) -> bool:
    return "svg" in str(element.tag).partition("}")[0]


def _is_mixed(element: etree._Element) -> bool:
    """Whether text and elements alternate, as in a paragraph with emphasis."""
    return any((child.tail or "").strip() for child in element)


def _write_element(element: etree._Element, name: str, depth: int, writer: Writer) -> None:
    text = (element.text or "").strip()
    if "<" in text and ">" in text and name in ("description", "encoded", "content", "summary"):
        title = writer.title
        write_html(clean_text(text), writer)  # feeds carry HTML as text
        writer.title = title
    elif name in _TITLES and len(text) <= _TITLE_MOST_CHARACTERS and not len(element):
        writer.add("heading", " ".join(text.split()), level=min(depth - 1, 6) or 1)
    else:
        writer.add("text", text)


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()
