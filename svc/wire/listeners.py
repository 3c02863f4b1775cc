"""The listening sockets of a server, and how many connections may wait in the kernel until the server takes them.

The kernel keeps at most `net.core.somaxconn` of them for each socket, 4,096 by default, and drops others in silence:
their clients try again after 1, 3 and 7 seconds. Strangers fill that queue while the event loop is busy for a moment,
so the server has several sockets at one address, among which the kernel distributes the connections.
"""

from __future__ import annotations

import socket

BACKLOG = 4096
"""Connections that may wait at one socket, if the kernel allows as many."""
_FURTHER = 3
_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
# Bytes of answers that the kernel keeps of a connection before they can be sent. It would keep megabytes for a client
# that reads nothing: the answers to thousands of requests. What is on its way to a distant client does not count.
_UNSENT_BYTES = 64 * 1024


def create_listener(family: int, address: tuple[str, int]) -> socket.socket:
    """Return a listening socket, beside which `further_listeners` can open others.

    Raises:
        OSError: the address cannot be had.
    """
    if address[1]:
        # With SO_REUSEPORT alone, a second server of the same user would get the port too, and half of the connections.
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    return _opened(family, address)


def further_listeners(first: socket.socket) -> list[socket.socket]:
    """Open further sockets at the address of one that `create_listener` has made; none at that of another."""
    is_network = first.family in (socket.AF_INET, socket.AF_INET6)
    if not is_network or not first.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT):
        return []
    address = first.getsockname()[:2]
    return [_opened(first.family, address) for _ in range(_FURTHER)]


def _opened(family: int, address: tuple[str, int]) -> socket.socket:
    listener = socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=True)
    # Both are inherited by every connection. Without the first, the second half of an answer waits 40 ms for the
    # receipt of its beginning.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
    return listener
