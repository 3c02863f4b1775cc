"""The contents of a PDF other than pages: attached files, and Adobe's XFA forms."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import pypdfium2
import pypdfium2.raw as pdfium
from lxml import etree

from svc.ingest.document import Writer
from svc.ingest.parsers.inner import write_inner
from svc.ingest.parsers.mail import shown_name
from svc.ingest.parsers.office import parse_xml
from svc.ingest.parsers.pdf_annotations import ATTACHED

_MOST_FILES = 100
_NAMED = 20  # in a warning
_MOST_PACKET_BYTES = 16 * 2**20
_SHOWN_IN_FORMS = ("{*}text", "{*}exData")


def write_files(document: pypdfium2.PdfDocument, notes: Sequence[str], writer: Writer) -> None:
    """Write the attached files below their names (`attachment`), and name those that are not read.

    `notes` are those of the pages: a file may also hang on a place of a page.
    """
    count = max(document.count_attachments(), 0)
    unread = [note.removeprefix(ATTACHED) for note in notes if note.startswith(ATTACHED)]
    place = writer.place
    for index in range(min(count, _MOST_FILES)):
        name = "attachment"
        try:
            attachment = document.get_attachment(index)
            name = shown_name(attachment.get_name())
            data = bytes(attachment.get_data())
        except (pypdfium2.PdfiumError, ValueError):
            unread.append(name)
            continue
        writer.place = {**place, "attachment": name}
        if not write_inner(name, data, writer):
            unread.append(name)
    writer.place = place
    if count > _MOST_FILES:
        writer.warn(f"The document has {count} attached files, of which the first {_MOST_FILES} were read.")
    if names := list(dict.fromkeys(unread)):
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        writer.warn(f"Attached files that were not read: {', '.join(names[:_NAMED])}{more}.")


def write_form(document: pypdfium2.PdfDocument, writer: Writer) -> None:
    """Write the labels and the values of a form that only Adobe's programs draw. Other forms are on the pages."""
    if pdfium.FPDF_GetFormType(document.raw) != pdfium.FORMTYPE_XFA_FULL:
        return
    packets = _packets(document)
    before = len(writer.document().blocks)
    for name in ("template", "datasets"):
        try:
            root = parse_xml(packets[name]) if name in packets else None
        except etree.XMLSyntaxError:
            root = None
        if root is not None:
            writer.add("text", "\n".join(_labels(root) if name == "template" else _values(root)))
    how = "they are not drawn here" if len(writer.document().blocks) > before else "they were not read"
    writer.warn(f"The document is a form whose pages only Adobe's programs draw (XFA); {how}.")


def _labels(template: etree._Element) -> list[str]:
    texts = (" ".join(" ".join(map(str, node.itertext())).split()) for node in template.iter(*_SHOWN_IN_FORMS))
    return list(dict.fromkeys(text for text in texts if text))


def _values(datasets: etree._Element) -> list[str]:
    return [
        f"{str(node.tag).rpartition('}')[2]}: {text}"
        for node in datasets.iter()
        if isinstance(node.tag, str) and not len(node) and (text := " ".join((node.text or "").split()))
    ]


def _packets(document: pypdfium2.PdfDocument) -> dict[str, bytes]:
    found = {}
    for index in range(max(pdfium.FPDF_GetXFAPacketCount(document.raw), 0)):
        size = pdfium.FPDF_GetXFAPacketName(document.raw, index, None, 0)
        name = ctypes.create_string_buffer(max(size, 1))
        pdfium.FPDF_GetXFAPacketName(document.raw, index, name, size)
        length = ctypes.c_ulong()
        pdfium.FPDF_GetXFAPacketContent(document.raw, index, None, 0, length)
        if 0 < length.value <= _MOST_PACKET_BYTES:
            content = ctypes.create_string_buffer(length.value)
            pdfium.FPDF_GetXFAPacketContent(document.raw, index, content, length.value, length)
            found[name.value.decode("utf-8", "replace")] = content.raw
    return found
