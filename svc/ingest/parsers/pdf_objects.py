"""The objects on a page of a PDF: the positions of its texts, and which of them are invisible."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from svc.ingest.parsers.pdf_layers import switched_off

_MOST_OBJECTS = 50_000
_MOST_AREAS = 2_000  # with more, each text of a page would be compared with too many
_DEEPEST_FORM = 5
_SHORTEST_RULE = 20.0
_MOST_OF_A_PAGE = 0.8
_NOT_PAINTED = (pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP)
_FILLED = (pdfium.FPDF_TEXTRENDERMODE_FILL, pdfium.FPDF_TEXTRENDERMODE_FILL_CLIP)
_WHITE = 250  # of 255; paper is white

# PDFium writes into these. There are many objects, so they are not made for each.
_EDGES = [ctypes.c_float() for _ in range(4)]
_EDGE_POINTERS = [ctypes.pointer(edge) for edge in _EDGES]
_COLOUR = [ctypes.c_uint() for _ in range(4)]
_COLOUR_POINTERS = [ctypes.pointer(part) for part in _COLOUR]

Matrix = tuple[float, float, float, float, float, float]


class Box(NamedTuple):
    """A rectangle in points; the origin of a page is its lower left corner. `order` is its place in the file."""

    left: float
    bottom: float
    right: float
    top: float
    order: int = 0


_MOST_COMPARED = 20_000  # texts with the edges of the page
_SMALLEST_TEXT = 1.0
_FLAT = 0.01


class _Text(NamedTuple):
    container: Any
    is_in_form: bool
    object: Any
    box: Box
    painted_before: int  # how many of the painted areas are below it
    is_unpainted: bool
    is_white: bool


class DrawnPage:
    """The objects of a page: `texts` are the boxes of its texts, `rules` the lines between them.

    `has_flat` says that there are texts which PDFium does not read, as they run downwards in a font that is missing.
    """

    def __init__(self, page: pypdfium2.PdfPage, *, has_layers: bool = False) -> None:
        """Read the objects of a page. With `has_layers`, texts may be in layers that are switched off."""
        self.rules: list[Box] = []
        self._painted: list[tuple[Box, bool]] = []  # with whether it is an image
        self._texts: list[_Text] = []
        self._left = _MOST_OBJECTS
        self.has_flat = False
        self._walk(page.raw, None, 0)
        self.has_images = any(is_image for _, is_image in self._painted)
        self.is_blank = self._left == _MOST_OBJECTS
        self.is_turned = page.get_rotation() != 0
        edges = page.get_bbox()
        self.is_image = self._is_image(edges)
        self.has_outside = any(_is_outside(text.box, edges) for text in self._texts[:_MOST_COMPARED])
        self.texts: list[Box] = []
        self._unseen: list[_Text] = []
        painted = [text for text in self._texts if has_layers and not text.is_unpainted]
        numbers = switched_off(page, [(text.container, text.object, text.is_in_form) for text in painted])
        self._off = [painted[number] for number in sorted(numbers)]
        off = {id(text) for text in self._off}
        for text in self._texts:
            if id(text) in off:
                continue
            if (text.is_unpainted or text.is_white) and self._is_unseen(text):
                self._unseen.append(text)
            else:
                self.texts.append(text.box._replace(order=len(self.texts)))

    def remove_unseen(self) -> bool:
        """Remove invisible texts from the page, and return whether there were any except those of layers.

        The invisible text above an image stays: it is the recognized text of a scanned page.
        """
        for text in [*self._unseen, *self._off]:
            remove = pdfium.FPDFFormObj_RemoveObject if text.is_in_form else pdfium.FPDFPage_RemoveObject
            if remove(text.container, text.object):
                pdfium.FPDFPageObj_Destroy(text.object)
        return bool(self._unseen)

    @property
    def has_layers_off(self) -> bool:
        """Whether there are texts in layers that are switched off."""
        return bool(self._off)

    def _is_image(self, page: tuple[float, float, float, float]) -> bool:
        """Whether images cover most of the page, and no invisible text says what is on them."""
        left, bottom, right, top = page
        covered = sum(
            max(min(box.right, right) - max(box.left, left), 0) * max(min(box.top, top) - max(box.bottom, bottom), 0)
            for box, is_image in self._painted
            if is_image
        )
        is_covered = covered > _MOST_OF_A_PAGE * (right - left) * (top - bottom)
        return is_covered and not any(text.is_unpainted for text in self._texts)

    def _walk(self, container: Any, matrix: Matrix | None, depth: int) -> None:
        for each in _objects(container, is_form=depth > 0):
            self._left -= 1
            if self._left < 0:
                return
            kind = pdfium.FPDFPageObj_GetType(each)
            if kind == pdfium.FPDF_PAGEOBJ_FORM:
                if depth < _DEEPEST_FORM:
                    self._walk(each, _product(_matrix(each), matrix), depth + 1)
                continue
            box = _box(each, matrix)
            if box is None:
                continue
            if kind == pdfium.FPDF_PAGEOBJ_TEXT:
                self.has_flat = self.has_flat or _is_flat(each, box)
                mode = pdfium.FPDFTextObj_GetTextRenderMode(each)
                unpainted = mode in _NOT_PAINTED
                white = mode in _FILLED and _is_white(each)
                self._texts.append(_Text(container, depth > 0, each, box, len(self._painted), unpainted, white))
            elif kind == pdfium.FPDF_PAGEOBJ_IMAGE:
                self._painted.append((box, True))
            elif kind == pdfium.FPDF_PAGEOBJ_SHADING or _is_coloured_area(each):
                self._painted.append((box, False))
            if kind == pdfium.FPDF_PAGEOBJ_PATH and box.right - box.left > _SHORTEST_RULE:
                self.rules.append(box)

    def _is_unseen(self, text: _Text) -> bool:
        if len(self._painted) > _MOST_AREAS:
            return False
        if text.is_unpainted:
            return not any(is_image and _is_on(text.box, box) for box, is_image in self._painted)
        return text.is_white and not any(_is_on(text.box, box) for box, _ in self._painted[: text.painted_before])


def _objects(container: Any, *, is_form: bool) -> Iterator[Any]:
    count = pdfium.FPDFFormObj_CountObjects if is_form else pdfium.FPDFPage_CountObjects
    get = pdfium.FPDFFormObj_GetObject if is_form else pdfium.FPDFPage_GetObject
    for index in range(max(count(container), 0)):
        if each := get(container, index):
            yield each


def _box(each: Any, matrix: Matrix | None) -> Box | None:
    if not pdfium.FPDFPageObj_GetBounds(each, *_EDGE_POINTERS):
        return None
    left, bottom, right, top = _EDGES[0].value, _EDGES[1].value, _EDGES[2].value, _EDGES[3].value
    if matrix is None:
        return Box(left, bottom, right, top)
    a, b, c, d, e, f = matrix
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in (left, right) for y in (bottom, top)]
    return Box(
        min(x for x, _ in corners), min(y for _, y in corners), max(x for x, _ in corners), max(y for _, y in corners)
    )


def _matrix(form: Any) -> Matrix:
    found = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(form, found):
        return (1, 0, 0, 1, 0, 0)
    return (found.a, found.b, found.c, found.d, found.e, found.f)


def _product(inner: Matrix, outer: Matrix | None) -> Matrix:
    if outer is None:
        return inner
    a, b, c, d, e, f = inner
    p, q, r, s, t, u = outer
    return (a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u)


def _is_white(each: Any) -> bool:
    if not pdfium.FPDFPageObj_GetFillColor(each, *_COLOUR_POINTERS):
        return False
    red, green, blue, opacity = _COLOUR
    return (red.value >= _WHITE and green.value >= _WHITE and blue.value >= _WHITE) or opacity.value == 0


def _is_coloured_area(each: Any) -> bool:
    """Whether a path is filled with anything but white, so that white text can be seen on it."""
    mode, is_stroked = ctypes.c_int(), ctypes.c_int()
    if not pdfium.FPDFPath_GetDrawMode(each, mode, is_stroked) or mode.value == pdfium.FPDF_FILLMODE_NONE:
        return False
    return not _is_white(each)


def _is_flat(each: Any, box: Box) -> bool:
    """Whether a text runs downwards in a font that is not in the file: PDFium knows no width, and does not read it."""
    if box.right - box.left >= _FLAT or box.top - box.bottom < _SMALLEST_TEXT:
        return False
    a, b, c, _, _, _ = _matrix(each)
    return abs(b) < _FLAT and abs(c) < _FLAT < abs(a)  # and it is not just turned


def _is_outside(text: Box, page: tuple[float, float, float, float]) -> bool:
    """Whether a text is outside the page. Blanks, whose boxes are flat, do not count."""
    left, bottom, right, top = page
    if text.right - text.left < _SMALLEST_TEXT or text.top - text.bottom < _SMALLEST_TEXT or right <= left:
        return False
    return text.right < left or text.left > right or text.top < bottom or text.bottom > top


def _is_on(text: Box, area: Box) -> bool:
    x, y = (text.left + text.right) / 2, (text.bottom + text.top) / 2
    return area.left <= x <= area.right and area.bottom <= y <= area.top
