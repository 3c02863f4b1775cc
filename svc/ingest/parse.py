"""From the bytes of a file to its text, through one library for each type.

Everything here works on hostile input and runs inside the sandbox only. Whatever a library makes of a broken
file, the caller gets text that PostgreSQL stores, or a `DocumentRejectedError` that tells the uploader why not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from svc.errors import DocumentRejectedError
from svc.ingest.file_types import FileType
from svc.ingest.parsers.characters import clean_text
from svc.ingest.parsers.csv import parse_csv
from svc.ingest.parsers.html import parse_html
from svc.ingest.parsers.pdf import parse_pdf
from svc.ingest.parsers.rejections import damaged, nests_too_deeply, no_text
from svc.ingest.parsers.text import parse_text
from svc.ingest.parsers.word import parse_docx
from svc.ingest.segment import Segment

# A parser gives raw text with the metadata of its segment, and may raise whatever its library does.
_PARSERS: dict[FileType, Callable[[bytes], Iterator[tuple[str, dict[str, Any]]]]] = {
    "text": parse_text,
    "markdown": parse_text,
    "html": parse_html,
    "pdf": parse_pdf,
    "csv": parse_csv,
    "docx": parse_docx,
}


def parse(file_type: FileType, data: bytes) -> list[Segment]:
    """The text of a file, in the order in which it is read; at least one segment.

    A PDF gives a segment for each page that holds text (`page`); a Word document one for its body and one for
    each of its headers, footers and notes (`part`); a page in HTML carries its `title`; the others give one segment.

    Raises:
        DocumentRejectedError: the file is encrypted, damaged, too large unpacked, or holds no text.
        MemoryError: it needs more memory than there is.
    """
    try:
        segments = [
            Segment(text, metadata) for raw, metadata in _PARSERS[file_type](data) if (text := clean_text(raw)).strip()
        ]
    except (DocumentRejectedError, MemoryError):
        raise
    except RecursionError as error:
        raise nests_too_deeply(file_type) from error
    except Exception as error:  # a parser library meets a broken file with any exception there is
        if isinstance(error, etree.XMLSyntaxError) and error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError from error
        raise damaged(file_type, f"{type(error).__name__}: {error}") from error
    if not segments:
        raise no_text(file_type)
    return segments
