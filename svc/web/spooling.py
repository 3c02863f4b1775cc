"""Tells the connection that the body of a request is written to disk as it arrives, so that it takes no memory."""

from __future__ import annotations

from typing import Final

from starlette.formparsers import MultiPartParser
from starlette.requests import Request

ON_DISK: Final = "body_is_written_to_disk"
"""The member of the request's state that is set while the body is written to disk."""
IN_MEMORY_BYTES: Final = MultiPartParser.spool_max_size
"""A file with no more bytes stays in memory."""


def note_spooling(request: Request) -> None:
    """Note that the file in the body is written to disk as it arrives."""
    setattr(request.state, ON_DISK, True)
