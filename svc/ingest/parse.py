"""Extracts the text of a file, with one library for each type.

The input is hostile, so this code runs only inside the sandbox. However a library fails on a broken file, the caller
gets text that PostgreSQL can store, or a `DocumentRejectedError` with the reason for the uploader.
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

# A parser yields raw text with the metadata of its segment, and may raise any exception of its library.
_PARSERS: dict[FileType, Callable[[bytes], Iterator[tuple[str, dict[str, Any]]]]] = {
    "text": parse_text,
    "markdown": parse_text,
    "html": parse_html,
    "pdf": parse_pdf,
    "csv": parse_csv,
    "docx": parse_docx,
}


def parse(file_type: FileType, data: bytes) -> list[Segment]:
    """Returns the text of a file in reading order, as at least one segment.

    A PDF has a segment for each page with text (`page`). A Word document has one for its body and one for each header,
    footer and note (`part`). Other types have one segment; the metadata of an HTML page contains its `title`.

    Raises:
        DocumentRejectedError: the file is encrypted, damaged, too large unpacked, or contains no text.
        MemoryError: the memory limit does not suffice.
    """
    try:
        segments = [
            Segment(text, metadata) for raw, metadata in _PARSERS[file_type](data) if (text := clean_text(raw)).strip()
        ]
    except (DocumentRejectedError, MemoryError):
        raise
    except RecursionError as error:
        raise nests_too_deeply(file_type) from error
    except Exception as error:  # parser libraries raise anything on broken files
        if isinstance(error, etree.XMLSyntaxError) and error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError from error
        raise damaged(file_type) from error
    if not segments:
        raise no_text(file_type)
    return segments
