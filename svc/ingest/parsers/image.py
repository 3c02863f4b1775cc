"""Images: the text that is recognized in them, page by page."""

from __future__ import annotations

import base64
import io
import warnings

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers import recognition

_MOST_PIXELS = 60_000_000
_MOST_PAGES = 200

# One white pixel.
SAMPLE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
)


def parse(data: bytes) -> ReadDocument:
    """Return the text of an image, or of each page of it (`page`)."""
    if not recognition.is_on():
        raise DocumentRejectedError(
            "The text in images is not recognized here: an operator can turn character recognition on (CABINET_OCR)."
        )
    import numpy as np  # noqa: PLC0415 - loaded with the extra, as is the other
    from PIL import Image, ImageOps, ImageSequence  # noqa: PLC0415

    Image.MAX_IMAGE_PIXELS = None  # its size is checked here
    writer = Writer()
    unread: list[int] = []
    with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=recognition.IMAGE_FORMATS) as image:
        warnings.simplefilter("ignore")  # about metadata
        frames = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
        for number, frame in enumerate(ImageSequence.Iterator(image), 1):
            if number > min(frames, _MOST_PAGES):
                break
            if frame.width * frame.height > _MOST_PIXELS:
                raise DocumentRejectedError(
                    f"The image is too large: it has {frame.width} times {frame.height} pixels, and the limit is "
                    f"{_MOST_PIXELS // 10**6} million in all."
                )
            if not recognition.has_time():
                unread.append(number)
                continue
            writer.place = {"page": number} if frames > 1 else {}
            frame.draft("RGB", (recognition.LONGEST_SIDE, recognition.LONGEST_SIDE))
            shown = ImageOps.exif_transpose(frame).convert("RGBA")
            shown.thumbnail((recognition.LONGEST_SIDE, recognition.LONGEST_SIDE))
            paper = Image.new("RGBA", shown.size, "white")
            paper.alpha_composite(shown)
            write_recognized(np.asarray(paper.convert("RGB"))[:, :, ::-1], writer)
    writer.place = {}
    writer.warn("The text was recognized in an image and may have errors.")
    if unread:
        writer.warn(f"There was no time to recognize the pages {unread[0]} to {unread[-1]} (CABINET_PARSE_CPU_S).")
    if frames > _MOST_PAGES:
        writer.warn(f"The image has {frames} pages, of which the first {_MOST_PAGES} were read.")
    return writer.document()


def write_recognized(pixels: recognition.Pixels, writer: Writer) -> None:
    """Write the text that is recognized in an image."""
    for part in recognition.recognized(pixels):
        if part and isinstance(part[0], list):
            writer.add_table([list(row) for row in part])
        else:
            writer.add("text", "\n".join(map(str, part)))
