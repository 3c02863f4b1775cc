"""Recognizes the text in images (OCR) with the models of the extra `ocr`, if the setting `CABINET_OCR` turns that on.

The models are in the installed package and are loaded before the parsers are confined. Everything runs in one thread;
a thread of onnxruntime stays in the parser server, and no child has it.
"""

from __future__ import annotations

import importlib.util
import io
import re
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from svc.ingest.parsers.pdf_layout import Region, regions
from svc.ingest.parsers.pdf_objects import Box

if TYPE_CHECKING:  # numpy starts threads, so it is loaded only where it is needed
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]  # an image: rows, columns, and blue, green and red

IMAGE_FORMATS = ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP")
"""The formats of images that are read, by their names in Pillow."""

LONGEST_SIDE = 1_600
"""The largest images that are recognized, in pixels, so that memory and time are bounded."""

_TIME_SHARE = 0.8  # of the processor time; the rest is for cutting the text
_SAME_LINE = 0.6
_LEAST_SCORE = 0.5


class _Word(NamedTuple):
    box: Box
    text: str


class _State:
    engine: Callable[..., Any] | None = None
    longest_s = 0.0  # that an image has taken
    loaded_bytes = 0


def load() -> None:
    """Load the models, and use them once.

    Raises:
        ModuleNotFoundError: the extra is not installed.
    """
    import cv2  # noqa: PLC0415 - of the extra, as are the others
    import numpy as np  # noqa: PLC0415
    from PIL import Image, ImageOps, ImageSequence  # noqa: PLC0415
    from rapidocr import RapidOCR  # noqa: PLC0415

    before = _data_bytes()
    cv2.setNumThreads(1)
    Image.init()
    package = importlib.util.find_spec("rapidocr")
    assert package is not None
    assert package.origin is not None
    models = Path(package.origin).parent / "models"
    # With its path given, a model is not looked for on the network.
    paths = {part: next(models.glob(f"*_{part.lower()}_*.onnx")) for part in ("Det", "Cls", "Rec")}
    engine = RapidOCR(
        params={
            **{f"{part}.model_path": str(path) for part, path in paths.items()},
            "Global.log_level": "critical",
            "Global.max_side_len": LONGEST_SIDE,
            "Global.text_score": _LEAST_SCORE,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    page = np.full((64, 256, 3), 255, np.uint8)
    cv2.putText(page, "text", (20, 45), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0, 0, 0), 2)
    engine(page)
    _State.engine = engine
    for name in IMAGE_FORMATS:  # loads the decoder of each
        Image.fromarray(page).save(written := io.BytesIO(), name)
        with Image.open(written, formats=IMAGE_FORMATS) as opened:
            ImageOps.exif_transpose(next(ImageSequence.Iterator(opened))).convert("RGBA").thumbnail((8, 8))
    _State.loaded_bytes = _data_bytes() - before


def loaded_bytes() -> int:
    """The memory of the models, which does not count for a document."""
    return _State.loaded_bytes


def _data_bytes() -> int:
    """The memory of this process that RLIMIT_DATA counts."""
    status = Path("/proc/self/status")
    found = re.search(r"^VmData:\s+(\d+) kB$", status.read_text() if status.exists() else "", re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def is_on() -> bool:
    """Whether text in images is recognized."""
    return _State.engine is not None


def has_time() -> bool:
    """Whether the processor time of this process suffices for one more image."""
    most, _ = resource.getrlimit(resource.RLIMIT_CPU)
    return most == resource.RLIM_INFINITY or time.process_time() + _State.longest_s < most * _TIME_SHARE


def recognized(image: Pixels) -> list[list[str] | list[list[str]]]:
    """Return the text of an image in the order of reading: lists of lines, and tables, which are lists of rows."""
    assert _State.engine is not None
    started = time.process_time()
    try:
        found = _State.engine(image.copy())  # contiguous
    except Exception as error:
        if "alloc" in str(error):  # the library has no class for it
            raise MemoryError from error
        raise
    _State.longest_s = max(_State.longest_s, time.process_time() - started)
    if found.boxes is None or not found.txts:
        return []
    words = [
        _Word(_box(corners, order), " ".join(text.split()))
        for order, (corners, text) in enumerate(zip(found.boxes, found.txts, strict=True))
    ]
    words = [word for word in words if word.text]
    parts = regions([word.box for word in words], [])
    return [_part(region, words) for region in parts] if parts else [_lines(words)]


def _box(corners: NDArray[np.float32], order: int) -> Box:
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return Box(float(left), -float(bottom), float(right), -float(top), order)  # upwards, as on a page of a PDF


def _part(region: Region, words: list[_Word]) -> list[str] | list[list[str]]:
    if region.rows:
        return [[" ".join(_lines(_inside(words, cell))) if cell else "" for cell in row] for row in region.rows]
    return _lines(_inside(words, region.box))


def _inside(words: list[_Word], area: Box) -> list[_Word]:
    return [
        word
        for word in words
        if area.left <= (word.box.left + word.box.right) / 2 <= area.right
        and area.bottom <= (word.box.bottom + word.box.top) / 2 <= area.top
    ]


def _lines(words: list[_Word]) -> list[str]:
    """The texts that are side by side, as lines from top to bottom."""
    if not words:
        return []
    height = median(word.box.top - word.box.bottom for word in words)
    lines: list[list[_Word]] = []
    middle = 0.0
    for word in sorted(words, key=lambda word: -(word.box.top + word.box.bottom)):
        here = (word.box.top + word.box.bottom) / 2
        if lines and middle - here < _SAME_LINE * height:
            lines[-1].append(word)
        else:
            lines.append([word])
            middle = here
    return [" ".join(word.text for word in sorted(line, key=lambda word: word.box.left)) for line in lines]
