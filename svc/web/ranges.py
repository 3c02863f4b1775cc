"""Requests for a part of a file: the headers `Range` and `If-Range` (RFC 9110, section 14)."""

from __future__ import annotations

import re

from starlette.requests import Request

from svc.errors import RangeNotSatisfiableError

_RANGE = re.compile(r"bytes\s*+=\s*+(\d{0,18})\s*+-\s*+(\d{0,18})", re.ASCII | re.IGNORECASE)


class ByteRange:
    """The requested bytes: all, those from `first` to `last`, or the last `-first` if it is negative.

    `is_part` is false for the whole file. `last` is None for the end of the file.
    """

    def __init__(self, first: int = 0, last: int | None = None, *, is_part: bool = False) -> None:
        self.first = first
        self.last = last
        self.is_part = is_part

    def of(self, size: int) -> tuple[int, int]:
        """Return the first byte, and the byte after the last, of a file of `size` bytes.

        Raises:
            RangeNotSatisfiableError: the file has no byte of the range.
        """
        if self.first < 0:
            start, end = max(0, size + self.first), size
        else:
            start, end = self.first, size if self.last is None else min(size, self.last + 1)
        if self.is_part and start >= end:
            raise RangeNotSatisfiableError(
                f"the file has {size:,} bytes, and none in this range; request bytes from 0 to {max(0, size - 1)}",
                size=size,
            )
        return start, end


def byte_range(request: Request) -> ByteRange:
    """Return the range of a request. As the standard allows, a header of several or malformed ranges is ignored."""
    sent = request.headers.getlist("range")
    if request.method != "GET" or len(sent) != 1 or (found := _RANGE.fullmatch(sent[0].strip())) is None:
        return ByteRange()
    first, last = found.groups()
    if not first:
        # The last bytes: the smallest number means no bytes.
        return ByteRange() if not last else ByteRange(-int(last) or _NOTHING, is_part=True)
    if last and int(last) < int(first):
        return ByteRange()
    return ByteRange(int(first), int(last) if last else None, is_part=True)


def is_same_file(request: Request, etag: str) -> bool:
    """Return whether `If-Range` allows a part: the header is missing, or has this ETag. A date never matches."""
    sent = request.headers.get("if-range")
    return sent is None or sent.strip() == etag


_NOTHING = 2**62
