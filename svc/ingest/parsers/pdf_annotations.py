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
}  # fmt: skip
_HIDDEN = 1 << 1


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
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _string(annotation: object, key: bytes) -> str:
    size = pdfium.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    if size <= 2 or size > _MOST_BYTES:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFAnnot_GetStringValue(annotation, key, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", errors="replace").replace("\r", "\n")
