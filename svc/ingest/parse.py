"""Extracts the text of a file, with one parser for each type.

The input is hostile, so this code runs only inside the sandbox. However a library fails on a broken file, the caller
gets text that PostgreSQL can store, or a `DocumentRejectedError` with the reason for the uploader.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from lxml import etree

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument
from svc.ingest.formats import FORMATS, FileType
from svc.ingest.parsers.characters import uploaded_as
from svc.ingest.parsers.rejections import damaged, nests_too_deeply, no_text

_MODULES = {name: import_module(f"svc.ingest.parsers.{each.module}") for name, each in FORMATS.items()}
# A parser may raise any exception of its library.
_PARSERS: dict[FileType, Callable[[bytes], ReadDocument]] = {name: each.parse for name, each in _MODULES.items()}

# XML and mails declare the encodings of their contents.
_DECODED = {name for name, each in FORMATS.items() if each.container == "text"} - {"xml", "mail"}


def sample(file_type: FileType) -> bytes:
    """A small file of a type, with which a process loads everything that its parser needs."""
    return cast(bytes, _MODULES[file_type].SAMPLE)


def parse(file_type: FileType, data: bytes, charset: str | None = None) -> ReadDocument:
    """Return the text of a file in reading order, with at least one block.

    The place of a block is, for example, the `page` of a PDF or the `sheet` of a workbook. `charset` is Python's name
    of the encoding that the upload declared; it counts for files of text that have none of their own.

    Raises:
        DocumentRejectedError: the file is encrypted, damaged, too large when unpacked, or contains no text.
        MemoryError: the memory limit does not suffice.
    """
    try:
        with uploaded_as(charset if file_type in _DECODED else None):
            document = _PARSERS[file_type](data)
    except (DocumentRejectedError, MemoryError):
        raise
    except RecursionError as error:
        raise nests_too_deeply(file_type) from error
    except Exception as error:  # Parser libraries can raise any exception for broken files.
        if isinstance(error, etree.XMLSyntaxError) and error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError from error
        raise damaged(file_type) from error
    if not document.blocks:
        raise no_text(file_type, document.warnings)
    return document
