"""Text in images and scanned pages is recognized in the sandbox, if the extra `ocr` is installed and turned on."""

from __future__ import annotations

import ctypes
import importlib.util
import io

import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from svc.errors import DocumentRejectedError, UnsupportedMediaTypeError
from svc.ingest.file_types import detect_file_type
from svc.ingest.parse import parse
from svc.ingest.parsers.image import SAMPLE
from svc.settings.loading import Settings
from tests.ingest.test_sandbox import sandbox

_WIDE = ctypes.POINTER(ctypes.c_ushort)
LINES = ["The lighthouse keeper", "counts 1,204 ships", "every summer evening."]


def test_images_are_refused_while_recognition_is_off() -> None:
    with pytest.raises(UnsupportedMediaTypeError, match="CABINET_OCR"):
        detect_file_type("a.png", SAMPLE)
    with pytest.raises(DocumentRejectedError, match="CABINET_OCR"):
        parse("image", SAMPLE)


@pytest.mark.skipif(importlib.util.find_spec("rapidocr") is not None, reason="the extra ocr is installed")
def test_recognition_cannot_be_turned_on_without_the_extra() -> None:
    with pytest.raises(ValueError, match=r"cabinet-svc\[ocr\]"):
        Settings(ocr=True)


def stamped(pdf: bytes, text: str) -> bytes:
    """The PDF with a text at the bottom of its first page."""
    with pypdfium2.PdfDocument(pdf) as document:
        page = document[0]
        stamp = pdfium.FPDFPageObj_NewTextObj(document, b"Helvetica", 9.0)
        pdfium.FPDFText_SetText(stamp, ctypes.cast(ctypes.create_string_buffer(f"{text}\0".encode("utf-16-le")), _WIDE))
        pdfium.FPDFPageObj_Transform(stamp, 1, 0, 0, 1, 30, 8)
        pdfium.FPDFPage_InsertObject(page, stamp)
        page.gen_content()
        document.save(written := io.BytesIO())
    return written.getvalue()


@pytest.mark.skipif(importlib.util.find_spec("rapidocr") is None, reason="the extra ocr is missing: pip install .[ocr]")
async def test_an_image_and_a_scanned_page_are_read_in_the_sandbox() -> None:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (1200, 500), "white")
    drawing = ImageDraw.Draw(image)
    for number, line in enumerate(LINES):
        drawing.text((80, 60 + 120 * number), line, fill="black", font=ImageFont.load_default(48))
    png, tiff, pdf = io.BytesIO(), io.BytesIO(), io.BytesIO()
    image.save(png, "PNG")
    image.save(tiff, "TIFF", save_all=True, append_images=[image])
    image.save(pdf, "PDF", resolution=150)
    assert detect_file_type("a.bin", png.getvalue(), images=True) == "image"
    async with sandbox(ocr=True, parse_cpu_s=60, parse_timeout_s=120) as opened:
        for file_type, data in (("image", png), ("pdf", pdf)):
            [chunk] = (await opened.read(file_type, data.getvalue())).chunks
            assert chunk.content.split("\n") == LINES
        read = await opened.read("image", tiff.getvalue())
        assert sum(chunk.content.count("1,204 ships") for chunk in read.chunks) == 2
        assert read.warnings == ["The text was recognized in an image and may have errors."]
        warned = (await opened.read("pdf", pdf.getvalue())).warnings
        assert warned == ["Page 1 is a scanned image, whose text was recognized and may have errors."]
        read = await opened.read("pdf", stamped(pdf.getvalue(), "Exhibit of Mrs Yngve"))
        for line in [*LINES, "Exhibit of Mrs Yngve"]:
            assert line in read.chunks[0].content
        assert read.warnings == warned
        for broken in (SAMPLE, png.getvalue()[:2000], b"II*\x00" + bytes(100)):
            with pytest.raises(DocumentRejectedError):
                await opened.read("image", broken)
