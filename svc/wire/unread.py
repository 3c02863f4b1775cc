"""Whether a connection has bytes that the event loop has not read yet."""

from __future__ import annotations

import asyncio
import select


def has_unread(transport: asyncio.BaseTransport) -> bool:
    """Return whether bytes have arrived in the kernel since the loop last looked; false if the client has left."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return any(event & select.POLLIN and not event & select.POLLHUP for _, event in poll.poll(0))
