"""Word documents (.docx): the body, then headers, footers and notes."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from docx.opc.package import OpcPackage
from docx.opc.part import Part, XmlPart
from lxml import etree

from svc.errors import DocumentRejectedError
from svc.ingest.parsers.rejections import damaged, encrypted

_UNPACKED_MOST_BYTES = 256 * 2**20
_SIDE_PARTS = re.compile(r"/word/(header|footer|footnotes|endnotes)\d*\.xml")
_OLE = b"\xd0\xcf\x11\xe0"


def parse_docx(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the body, then each header, footer and note whose text differs from the others before it (`part`)."""
    if data.startswith(_OLE):
        raise encrypted("docx")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked_bytes = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise damaged("docx", "the end of its ZIP archive is missing") from error
    if unpacked_bytes > _UNPACKED_MOST_BYTES:
        raise DocumentRejectedError(
            f"The Word document is too large: it unpacks to {unpacked_bytes // 2**20} MB, "
            f"and the limit is {_UNPACKED_MOST_BYTES // 2**20} MB."
        )
    package = OpcPackage.open(io.BytesIO(data))
    yield _blocks_text(_root(package.main_document_part)), {}
    seen = set()
    for part in sorted(package.iter_parts(), key=lambda part: str(part.partname)):
        side = _SIDE_PARTS.fullmatch(str(part.partname))
        text = _blocks_text(_root(part)).strip() if side else ""
        # Each section of a document repeats the same header.
        if side and text not in seen:
            seen.add(text)
            yield text, {"part": side.group(1)}


def _root(part: Part) -> etree._Element:
    if isinstance(part, XmlPart):
        root = part.element
    else:  # python-docx leaves parts that it does not know, such as footnotes, as bytes
        root = etree.fromstring(part.blob, etree.XMLParser(resolve_entities=False, no_network=True))
    # A text box occurs twice, the second time for old readers; moved text is also kept at its old place.
    etree.strip_elements(root, "{*}Fallback", "{*}moveFrom", "{*}tabs", with_tail=False)
    return root


def _blocks_text(element: etree._Element) -> str:
    """The paragraphs and tables below `element` in order, separated by blank lines except within a list."""
    text, was_item = "", False
    for block in _blocks(element):
        is_table = _name(block) == "tbl"
        is_item = not is_table and block.find("{*}pPr/{*}numPr") is not None
        content = _table_text(block) if is_table else _paragraph_text(block)
        if not content.strip():
            continue
        gap = "\n" if is_item and was_item else "\n\n"
        text += (gap if text else "") + ("- " if is_item else "") + content
        was_item = is_item
    return text


_INLINE_TEXT = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_INLINE = ["{*}p", "{*}t", *("{*}" + name for name in _INLINE_TEXT)]


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _blocks(element: etree._Element) -> Iterator[etree._Element]:
    for child in element:
        if _name(child) in ("p", "tbl"):
            yield child
        else:  # a wrapper, such as a content control or a tracked insertion
            yield from _blocks(child)


def _paragraph_text(paragraph: etree._Element) -> str:
    parts = []
    for event, node in etree.iterwalk(paragraph, events=("start", "end"), tag=_INLINE):
        name = _name(node)
        if name == "p":
            parts.append("\n")  # separates a nested paragraph, that of a text box
        elif event == "start":
            parts.append(node.text or "" if name == "t" else _INLINE_TEXT[name])
    return "".join(parts).strip()


def _table_text(table: etree._Element) -> str:
    rows = (
        " | ".join(" ".join(_blocks_text(cell).split()) for cell in _below(row, "tc")) for row in _below(table, "tr")
    )
    return "\n".join(row for row in rows if row.strip(" |"))


def _below(element: etree._Element, name: str) -> Iterator[etree._Element]:
    for child in element:
        if _name(child) == name:
            yield child
        elif _name(child) in ("sdt", "sdtContent", "customXml", "ins"):
            yield from _below(child, name)
