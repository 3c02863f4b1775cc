"""Informs the connection that the body of a request is written to disk as it arrives, so that it takes no memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.formparsers import MultiPartParser
from starlette.requests import Request

ON_DISK: Final = "body_is_written_to_disk"
"""The member of the request's state that is a `Spooled` while the body is written to disk."""
IN_MEMORY_BYTES: Final = MultiPartParser.spool_max_size
"""The maximum size of a file that stays in memory."""


class Spooled:
    """The bytes of one body on disk. When they are deleted, `release` is called with their number."""

    def __init__(self) -> None:
        self.size = 0
        self.release: Callable[[int], None] | None = None

    def end(self) -> None:
        """Stop counting the bytes: the file is closed, or its connection was ended to close it."""
        size, self.size = self.size, 0
        if self.release is not None:
            self.release(size)


@contextmanager
def spooling(request: Request) -> Iterator[None]:
    """Record that the file in the body is written to disk as it arrives, and stays there until the end of the block."""
    spooled = Spooled()
    setattr(request.state, ON_DISK, spooled)
    try:
        yield
    finally:
        spooled.end()
