"""Cuts the received bytes where requests end, so that the parser never gets more requests than may wait.

The parser takes whatever it is given and cannot be paused: 64 KiB can contain 3,600 requests.
"""

from __future__ import annotations

_END_OF_HEAD = b"\r\n\r\n"
_END_OF_CHUNKS = b"0\r\n\r\n"
_STRADDLING = len(_END_OF_HEAD) - 1
# The parser is given at most so much of a chunked body at once.
_MOST_CHUNKED = 64 * 1024
# Text in a chunked body can look like its end. After this number of such places, the body is no longer cut there, since
# a body of only such places would need a call of the parser for every five bytes.
_MOST_CUTS = 64


class Slices:
    """The bytes that were received and not yet parsed."""

    __slots__ = ("_cuts", "_data", "_next", "_tail")

    def __init__(self) -> None:
        self._data = b""
        self._next = 0
        self._tail = b""
        self._cuts = 0

    def __len__(self) -> int:
        return len(self._data) - self._next

    def append(self, data: bytes) -> None:
        """Add received bytes."""
        self._data = self._data[self._next :] + data if len(self) else data
        self._next = 0

    def clear(self) -> None:
        """Discard everything."""
        self._data, self._next = b"", 0

    def give_back(self, size: int) -> None:
        """Return the last `size` bytes of the last slice, which the parser did not read."""
        self._next -= size

    def begin_head(self) -> None:
        """The next bytes are a request's head."""
        self._tail = b""

    def begin_body(self) -> None:
        """The next bytes are a request's body."""
        self._cuts = 0

    def of_head(self, most: int) -> memoryview:
        """Take the bytes up to the end of a head, at most `most`."""
        start, end = self._next, self._end_of_head()
        piece = self._take(min(end, start + most))
        self._tail = (self._tail + bytes(piece[-_STRADDLING:]))[-_STRADDLING:]
        return piece

    def of_body(self, left: int) -> memoryview:
        """Take the bytes of a body of which `left` are missing."""
        return self._take(min(len(self._data), self._next + left))

    def of_chunks(self) -> memoryview:
        """Take the bytes of a chunked body, up to a place that looks like its end."""
        most = min(len(self._data), self._next + _MOST_CHUNKED)
        if self._cuts < _MOST_CUTS:
            found = self._data.find(_END_OF_CHUNKS, self._next, most)
            if found >= 0:
                self._cuts += 1
                most = found + len(_END_OF_CHUNKS)
        return self._take(most)

    def _end_of_head(self) -> int:
        if self._tail:
            seam = self._tail + self._data[self._next : self._next + _STRADDLING]
            found = seam.find(_END_OF_HEAD)
            if found >= 0:
                return self._next + found + len(_END_OF_HEAD) - len(self._tail)
        found = self._data.find(_END_OF_HEAD, self._next)
        return len(self._data) if found < 0 else found + len(_END_OF_HEAD)

    def _take(self, end: int) -> memoryview:
        piece = memoryview(self._data)[self._next : end]
        self._next = end
        return piece
