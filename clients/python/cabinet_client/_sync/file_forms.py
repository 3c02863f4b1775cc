# Generated from ../_async/ by generate_sync.py: change that file instead.
"""A form with a file that is read from disk while it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from cabinet_client.errors import FileChangedError

_PART_BYTES = 256 * 1024


class FileForm:
    """The body of a request. Each attempt opens the file again, and keeps only a part of it in memory."""

    def __init__(self, path: Path, filename: str, fields: Mapping[str, str], file_bytes: int) -> None:
        # httpx encodes the form with an empty file; the content goes before the last boundary.
        framed = httpx.Request("POST", "http://any", files={"file": (filename, b"")}, data=dict(fields))
        frame, content_type = framed.read(), framed.headers["content-type"]
        end = len(b"\r\n----\r\n") + len(content_type.partition("boundary=")[2])
        self._path, self._file_bytes = path, file_bytes
        self._head, self._tail = frame[:-end], frame[-end:]
        self.headers = {"Content-Type": content_type, "Content-Length": str(len(frame) + file_bytes)}

    @classmethod
    def of(cls, path: Path, filename: str, fields: Mapping[str, str]) -> FileForm:
        """The form with a file of its current length.

        Raises:
            OSError: the file cannot be read.
        """
        return cls(path, filename, fields, (path.stat()).st_size)

    def __iter__(self) -> Iterator[bytes]:
        """Read the form from its beginning. The file is read in a thread, since a disk may be slow.

        If the file grows meanwhile, only its original length is sent.

        Raises:
            FileChangedError: the file is shorter than it was.
            OSError: the file cannot be read.
        """
        yield self._head
        left = self._file_bytes
        file = self._path.open("rb")
        try:
            while left and (part := file.read(min(left, _PART_BYTES))):
                left -= len(part)
                yield part
        finally:
            file.close()
        if left:
            raise FileChangedError(f"{self._path} became shorter while it was sent; upload it again")
        yield self._tail
