"""The contents of an Excel sheet after its cells: links, input hints, headers and footers."""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

from lxml import etree

_END = re.compile(rb"</(?:\w+:)?sheetData>|<(?:\w+:)?sheetData/>")
_SEARCHED_BYTES = 4 * 2**20
_ELEMENT = re.compile(r"<(?:\w+:)?(hyperlink|dataValidation)\s([^<>]*)>")
_ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_HEADER = re.compile(r"<(?:\w+:)?(?:odd|even|first)(?:Header|Footer)(?:\s[^>]*)?>([^<]*)<")
_HEADER_CODE = re.compile(r'&(?:[LCR]|"[^"]*"|\d{1,3}|K[0-9A-Fa-f+-]{6}|[PNDTZFAGUESXYBIOHpndtzfagu])')
_MOST_LINKS = 20_000


class Behind(NamedTuple):
    """The identifiers of the links by the cells that have them, the hints with their cells, and the printed edges."""

    links: dict[str, str]
    hints: dict[str, str]
    edges: list[str]


def behind_cells(data: bytes) -> Behind:
    """Find the contents that follow the cells of a sheet."""
    end = 0
    start = max(len(data) - _SEARCHED_BYTES, 0)
    for last in _END.finditer(data, start):
        end = last.end()
    links: dict[str, str] = {}
    hints: dict[str, str] = {}
    if not end:
        return Behind(links, hints, [])
    tail = data[end:].decode("utf-8", "replace")
    for found in _ELEMENT.finditer(tail):
        attributes = {name.rpartition(":")[2]: unescape(a or b) for name, a, b in _ATTRIBUTE.findall(found.group(2))}
        if found.group(1) == "hyperlink":
            cell = (attributes.get("ref") or "").partition(":")[0]
            if attributes.get("id") and len(links) < _MOST_LINKS:
                links[cell] = attributes["id"]
        elif hint := " ".join(filter(None, (attributes.get("promptTitle"), attributes.get("prompt")))).strip():
            hints[hint] = attributes.get("sqref") or "a cell"
    edges = [printed_edge(unescape(each)) for each in _HEADER.findall(tail)]
    return Behind(links, hints, list(filter(None, edges)))


def control_labels(data: bytes) -> list[str]:
    """The labels of buttons, boxes and lists on a sheet, which are in a drawing of an older kind than the others."""
    root = etree.fromstring(data, etree.XMLParser(recover=True, resolve_entities=False, no_network=True))
    labels: dict[str, None] = {}
    for shape in root.iter("{*}shape") if root is not None else ():
        kind = shape.find("{*}ClientData")
        box = shape.find("{*}textbox")
        if box is not None and kind is not None and kind.get("ObjectType") != "Note":  # a comment
            labels[" ".join(" ".join(map(str, box.itertext())).split())] = None
    return list(labels)


def printed_edge(source: str) -> str:
    """The words of a header or a footer, without its codes; empty if it has none."""
    words = " ".join(_HEADER_CODE.sub(" ", source).replace("&&", "&").split())
    return words if any(letter.isalpha() for letter in words) else ""
