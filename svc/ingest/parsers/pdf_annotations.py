"""The additions to a page of a PDF: the values of form fields, and notes."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator
from html import unescape

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
_MARK = re.compile(r"<[^<>]*>")
_HIDDEN = 1 << 1

_MEDIA = (pdfium.FPDF_ANNOT_MOVIE, pdfium.FPDF_ANNOT_SOUND, pdfium.FPDF_ANNOT_RICHMEDIA, pdfium.FPDF_ANNOT_THREED)

MEDIA = "\0"
"""The warning about a video, a recording or a model, which has no text."""

ATTACHED = "Attached file: "
"""The beginning of a note that names a file on a page."""


def page_notes(page: pypdfium2.PdfPage) -> list[str]:
    """The values of the form fields on a page, with their names, and the words of its notes."""
    return list(dict.fromkeys(_notes(page.raw, page.formenv.raw if page.formenv else None)))


def _notes(page: object, form: object) -> Iterator[str]:
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), _MOST_ANNOTATIONS)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            kind = pdfium.FPDFAnnot_GetSubtype(annotation)
            if pdfium.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
                continue
            if kind == pdfium.FPDF_ANNOT_WIDGET:
                name, value = _field(annotation, form)
                if value.strip() and value != "Off":
                    yield f"{name}: {value}" if name else value
            elif kind in _NOTES and (words := _words(annotation)).strip():
                yield f"{_NOTES[kind]}: {words}"
            if kind in _MEDIA:
                yield MEDIA
            if kind == pdfium.FPDF_ANNOT_FILEATTACHMENT and (name := _attached_name(annotation)):
                yield f"{ATTACHED}{name}"
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _field(annotation: object, form: object) -> tuple[str, str]:
    """The name and the value of a field, which may be those of the field above it."""
    name = _string(annotation, b"TU") or _string(annotation, b"T")
    value = _string(annotation, b"V")
    if form is None:
        return name, value
    name = name or _of_form(pdfium.FPDFAnnot_GetFormFieldAlternateName, form, annotation)
    name = name or _of_form(pdfium.FPDFAnnot_GetFormFieldName, form, annotation)
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
        if not pdfium.FPDFAnnot_IsChecked(form, annotation):
            return name, ""
        return name, value or _of_form(pdfium.FPDFAnnot_GetFormFieldExportValue, form, annotation) or "yes"
    if kind == pdfium.FPDF_FORMFIELD_LISTBOX:
        count = min(max(pdfium.FPDFAnnot_GetOptionCount(form, annotation), 0), _MOST_ANNOTATIONS)
        chosen = [index for index in range(count) if pdfium.FPDFAnnot_IsOptionSelected(form, annotation, index)]
        labels = [_option(form, annotation, index) for index in chosen]
        return name, ", ".join(filter(None, labels)) or value
    return name, value or _of_form(pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)


def _of_form(get: Callable[..., int], form: object, annotation: object) -> str:
    return _wide(lambda buffer, size: get(form, annotation, buffer, size))


def _option(form: object, annotation: object, index: int) -> str:
    return _wide(lambda buffer, size: pdfium.FPDFAnnot_GetOptionLabel(form, annotation, index, buffer, size))


def _wide(get: Callable[[object, int], int]) -> str:
    """A text of PDFium, which says its length if there is no buffer."""
    size = get(None, 0)
    if not 2 < size <= _MOST_BYTES:
        return ""
    buffer = ctypes.create_string_buffer(size)
    get(ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", errors="replace").replace("\r", "\n")


def _words(annotation: object) -> str:
    """The words of a note; if it has only those with formats, these."""
    return _string(annotation, b"Contents") or " ".join(unescape(_MARK.sub(" ", _string(annotation, b"RC"))).split())


def _attached_name(annotation: object) -> str:
    attachment = pdfium.FPDFAnnot_GetFileAttachment(annotation)
    if not attachment:
        return ""
    return " ".join(_wide(lambda buffer, size: pdfium.FPDFAttachment_GetName(attachment, buffer, size)).split())[:100]


def _string(annotation: object, key: bytes) -> str:
    return _wide(lambda buffer, size: pdfium.FPDFAnnot_GetStringValue(annotation, key, buffer, size))
