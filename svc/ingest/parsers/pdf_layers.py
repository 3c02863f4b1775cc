"""The layers (optional content) of a PDF: which texts belong to one that is switched off.

PDFium reads the texts of all layers, but draws only those that are switched on. A layer may be switched by its name, by
others, by the zoom or by the language, in a section of the page or in a form, so each group of texts is drawn alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import re
import zlib
from collections.abc import Hashable, Iterable
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

_LAYERS = b"/OCProperties"
_PACKED = re.compile(rb"/ObjStm\b.{0,300}?\bstream\r?\n", re.DOTALL)
_MOST_PACKED = 2_000
_MOST_PACKED_BYTES = 2**17  # of one stream
_MOST_UNPACKED_BYTES = 2**20
_MOST_GROUPS = 100  # on one page; with more, the others count as switched on
_LONGEST_SIDE = 600  # of the page that is drawn, in pixels
_BACKGROUND = 0xFF7B8591  # on which white text can be seen too
_NAME_BYTES = 512
_REPLACED = re.compile(rb"arial|calibri|courier|georgia|helvetica|times|verdana", re.IGNORECASE)


def has_layers(data: bytes) -> bool:
    """Whether a file says that it has layers, also in its compressed objects; those of encrypted files are unknown."""
    if _LAYERS in data or b"/Encrypt" in data:
        return True
    for found in itertools.islice(_PACKED.finditer(data), _MOST_PACKED):
        with contextlib.suppress(zlib.error):
            packed = data[found.end() : found.end() + _MOST_PACKED_BYTES]
            if _LAYERS in zlib.decompressobj().decompress(packed, _MOST_UNPACKED_BYTES):
                return True
    return False


def switched_off(page: pypdfium2.PdfPage, texts: Iterable[tuple[Any, Any, bool]]) -> set[int]:
    """The numbers of the texts that are not drawn, as their layers are switched off.

    Each text is the object that contains it, its own object, and whether it is in a form.
    """
    groups: dict[Hashable, list[tuple[int, Any]]] = {}
    everything: list[Any] = []
    for number, (container, each, is_in_form) in enumerate(texts):
        everything.append(each)
        layers = _layers(each)
        if layers or is_in_form:
            form = ctypes.cast(container, ctypes.c_void_p).value if is_in_form else None
            groups.setdefault((form, layers), []).append((number, each))
    if not groups:
        return set()
    off: set[int] = set()
    drawing = _Drawing(page)
    drawing.hide_all(everything)
    for group in itertools.islice(groups.values(), _MOST_GROUPS):
        objects = [each for _, each in group]
        if all(map(_has_glyphs, objects)) and not drawing.shows(objects):
            off.update(number for number, _ in group)
    drawing.show_all()
    return off


def _layers(each: Any) -> tuple[Hashable, ...]:
    """The layers in which an object of a page is: their names, or else their sections."""
    found: list[Hashable] = []
    for number in range(max(pdfium.FPDFPageObj_CountMarks(each), 0)):
        mark = pdfium.FPDFPageObj_GetMark(each, number)
        if _text(pdfium.FPDFPageObjMark_GetName, mark) == "OC":
            name = _text(pdfium.FPDFPageObjMark_GetParamStringValue, mark, b"Name")
            found.append(name or ctypes.cast(mark, ctypes.c_void_p).value)
    return tuple(found)


def _has_glyphs(each: Any) -> bool:
    """Whether PDFium certainly has the letters of a text: the font is in the file, or one that it replaces."""
    font = pdfium.FPDFTextObj_GetFont(each)
    if not font or pdfium.FPDFFont_GetIsEmbedded(font) == 1:
        return bool(font)
    name = ctypes.create_string_buffer(_NAME_BYTES)
    length = pdfium.FPDFFont_GetBaseFontName(font, name, _NAME_BYTES)
    return 0 < length <= _NAME_BYTES and _REPLACED.search(name.value) is not None


def _text(ask: Any, *arguments: Any) -> str:
    length, buffer = ctypes.c_ulong(), (ctypes.c_ushort * (_NAME_BYTES // 2))()
    if not ask(*arguments, buffer, _NAME_BYTES, length) or length.value > _NAME_BYTES:
        return ""
    return ctypes.string_at(buffer, length.value).decode("utf-16-le", "replace").rstrip("\0")


class _Drawing:
    """Draws some texts of a page, without everything else."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        self._page = page
        width, height = page.get_size()
        scale = min(1.0, _LONGEST_SIDE / max(width, height, 1))
        self._width, self._height = max(int(width * scale), 1), max(int(height * scale), 1)
        self._hidden: list[Any] = []
        self._others = b""  # what is drawn without the texts

    def hide_all(self, texts: list[Any]) -> None:
        """Draw neither these texts nor the images and lines of the page."""
        for index in range(max(pdfium.FPDFPage_CountObjects(self._page.raw), 0)):
            each = pdfium.FPDFPage_GetObject(self._page.raw, index)
            if each and pdfium.FPDFPageObj_GetType(each) != pdfium.FPDF_PAGEOBJ_FORM:
                self._hide(each)
        for each in texts:
            self._hide(each)
        self._others = self._drawn()

    def show_all(self) -> None:
        """Draw everything again."""
        for each in self._hidden:
            pdfium.FPDFPageObj_SetIsActive(each, 1)

    def shows(self, texts: list[Any]) -> bool:
        """Whether anything is to be seen of some texts."""
        for each in texts:
            pdfium.FPDFPageObj_SetIsActive(each, 1)
        is_shown = self._drawn() != self._others
        for each in texts:
            pdfium.FPDFPageObj_SetIsActive(each, 0)
        return is_shown

    def _hide(self, each: Any) -> None:
        self._hidden.append(each)
        pdfium.FPDFPageObj_SetIsActive(each, 0)

    def _drawn(self) -> bytes:
        bitmap = pdfium.FPDFBitmap_Create(self._width, self._height, 0)
        if not bitmap:
            raise MemoryError
        try:
            pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, self._width, self._height, _BACKGROUND)
            pdfium.FPDF_RenderPageBitmap(bitmap, self._page.raw, 0, 0, self._width, self._height, 0, 0)
            size = pdfium.FPDFBitmap_GetStride(bitmap) * self._height
            return ctypes.string_at(pdfium.FPDFBitmap_GetBuffer(bitmap), size)
        finally:
            pdfium.FPDFBitmap_Destroy(bitmap)
