"""Files of any type, which are stored without being read, and read only when they are added to a collection."""

from __future__ import annotations

import asyncio

from svc.errors import DocumentRejectedError, InvalidRequestError, UnsupportedMediaTypeError
from svc.ingest.file_bytes import FileBytes
from svc.ingest.file_types import detect_file_type
from svc.ingest.formats import FORMATS, StoredType


async def stored_type(filename: str, file: FileBytes, *, images: bool) -> StoredType:
    """Return the type of a file: one that can be read, such as an image if `images`, or `other`."""
    try:
        return await asyncio.to_thread(detect_file_type, filename, await file.sample(), images=images)
    except (InvalidRequestError, UnsupportedMediaTypeError):
        return "other"


async def check_readable(file_type: StoredType, filename: str, content: bytes, *, images: bool) -> None:
    """Check that a document has a type that can be read. `content` is the beginning of it, or all.

    Raises:
        DocumentRejectedError: it has not; says which type it seems to have.
    """
    if file_type in FORMATS:
        return
    try:
        await asyncio.to_thread(detect_file_type, filename, content, images=images)
    except (InvalidRequestError, UnsupportedMediaTypeError) as error:
        raise DocumentRejectedError(error.detail) from None
    raise DocumentRejectedError("The file could not be read when it was stored; upload it again.")
