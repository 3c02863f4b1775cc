"""Extracts the text of a file, with one parser for each type.

The input is hostile, so this code runs only inside the sandbox. However a library fails on a broken file, the caller
gets text that PostgreSQL can store, or a `DocumentRejectedError` with the reason for the uploader.
"""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument
from svc.ingest.file_types import FileType
from svc.ingest.parsers.csv import parse_csv
from svc.ingest.parsers.html import parse_html
from svc.ingest.parsers.markdown import parse_markdown
from svc.ingest.parsers.pdf import parse_pdf
from svc.ingest.parsers.rejections import damaged, nests_too_deeply, no_text
from svc.ingest.parsers.text import parse_text
from svc.ingest.parsers.word import parse_docx

# A parser may raise any exception of its library.
_PARSERS: dict[FileType, Callable[[bytes], ReadDocument]] = {
    "text": parse_text,
    "markdown": parse_markdown,
    "html": parse_html,
    "pdf": parse_pdf,
    "csv": parse_csv,
    "docx": parse_docx,
}


def parse(file_type: FileType, data: bytes) -> ReadDocument:
    """Returns the text of a file in reading order, with at least one block.

    The place of a block is the `page` of a PDF, or the `part` of a Word document that is not its body.

    Raises:
        DocumentRejectedError: the file is encrypted, damaged, too large unpacked, or contains no text.
        MemoryError: the memory limit does not suffice.
    """
    try:
        document = _PARSERS[file_type](data)
    except (DocumentRejectedError, MemoryError):
        raise
    except RecursionError as error:
        raise nests_too_deeply(file_type) from error
    except Exception as error:  # parser libraries raise anything on broken files
        if isinstance(error, etree.XMLSyntaxError) and error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError from error
        raise damaged(file_type) from error
    if not document.blocks:
        raise no_text(file_type, document.warnings)
    return document
