"""What people have added to a page of a PDF: the values of form fields, and notes."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pypdfium2
import pypdfium2.raw as pdfium

_MOST_ANNOTATIONS = 5_000
_MOST_BYTES = 2**20
_NOTES = {
    pdfium.FPDF_ANNOT_TEXT: "Note", pdfium.FPDF_ANNOT_FREETEXT: "Note", pdfium.FPDF_ANNOT_HIGHLIGHT: "Comment",
    pdfium.FPDF_ANNOT_UNDERLINE: "Comment", pdfium.FPDF_ANNOT_STRIKEOUT: "Comment",
    pdfium.FPDF_ANNOT_SQUIGGLY: "Comment", pdfium.FPDF_ANNOT_STAMP: "Note", pdfium.FPDF_ANNOT_CARET: "Comment",
    pdfium.FPDF_ANNOT_LINE: "Comment", pdfium.FPDF_ANNOT_SQUARE: "Comment", pdfium.FPDF_ANNOT_CIRCLE: "Comment",
    pdfium.FPDF_ANNOT_POLYGON: "Comment", pdfium.FPDF_ANNOT_POLYLINE: "Comment", pdfium.FPDF_ANNOT_INK: "Comment",
    pdfium.FPDF_ANNOT_REDACT: "Comment", pdfium.FPDF_ANNOT_FILEATTACHMENT: "Comment",
}  # fmt: skip
_HIDDEN = 1 << 1

_MEDIA = (pdfium.FPDF_ANNOT_MOVIE, pdfium.FPDF_ANNOT_SOUND, pdfium.FPDF_ANNOT_RICHMEDIA, pdfium.FPDF_ANNOT_THREED)

MEDIA = "\0"
"""The note that stands for a film, a recording or a model, which has no text."""

ATTACHED = "Attached file: "
"""How the note begins that names a file on a page."""


def page_notes(page: pypdfium2.PdfPage) -> list[str]:
    """The values of the form fields on a page, with their names, and the words of its notes."""
    return list(_notes(page.raw))


def _notes(page: object) -> Iterator[str]:
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), _MOST_ANNOTATIONS)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            kind = pdfium.FPDFAnnot_GetSubtype(annotation)
            if pdfium.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
                continue
            if kind == pdfium.FPDF_ANNOT_WIDGET:
                value = _string(annotation, b"V")
                name = _string(annotation, b"TU") or _string(annotation, b"T")
                if value.strip() and value != "Off":
                    yield f"{name}: {value}" if name else value
            elif kind in _NOTES and (words := _string(annotation, b"Contents")).strip():
                yield f"{_NOTES[kind]}: {words}"
            if kind in _MEDIA:
                yield MEDIA
            if kind == pdfium.FPDF_ANNOT_FILEATTACHMENT and (name := _attached_name(annotation)):
                yield f"{ATTACHED}{name}"
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _attached_name(annotation: object) -> str:
    attachment = pdfium.FPDFAnnot_GetFileAttachment(annotation)
    size = pdfium.FPDFAttachment_GetName(attachment, None, 0) if attachment else 0
    if not 2 < size <= _MOST_BYTES:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFAttachment_GetName(attachment, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    return " ".join(buffer.raw[: size - 2].decode("utf-16-le", errors="replace").split())[:100]


def _string(annotation: object, key: bytes) -> str:
    size = pdfium.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    if size <= 2 or size > _MOST_BYTES:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFAnnot_GetStringValue(annotation, key, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", errors="replace").replace("\r", "\n")
