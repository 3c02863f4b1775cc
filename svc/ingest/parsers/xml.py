"""XML, and the feeds that are written in it: the text of the elements, without the marks."""

from __future__ import annotations

from lxml import etree

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.html import write_html
from svc.ingest.parsers.office import parse_xml

_TITLES = ("title", "head", "heading", "subject", "name", "label")
_ITEMS = ("item", "entry")
_TITLE_MOST_CHARACTERS = 200

SAMPLE = b"<?xml version='1.0'?><doc><title>a</title><p>b</p></doc>"


def parse(data: bytes) -> ReadDocument:
    """Return the text of each element that has some, the titles as headings."""
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
    writer = Writer()
    _write(root, writer)
    return writer.document()


def _write(root: etree._Element, writer: Writer) -> None:
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
        if len(element) and _is_mixed(element):
            writer.add("text", " ".join("".join(element.itertext()).split()))
            events.skip_subtree()
        elif has_text:
            _write_element(element, _name(element), depth, writer)
        elif not len(element) and not _is_drawing(element):
            values = [f"{key.rpartition('}')[2]}: {value}" for key, value in element.items() if value.strip()]
            writer.add("text", "\n".join(values))


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
