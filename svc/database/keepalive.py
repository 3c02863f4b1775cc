"""Lets both ends of a TCP connection detect that the other end is gone, although no byte and no reset arrives.

Without this, the kernel takes from 15 minutes (unacknowledged data) to two hours (idle). The times here are longer than
a short interruption, which TCP survives.
"""

from __future__ import annotations

import socket
from typing import Any

IDLE_S = 5
INTERVAL_S = 2
COUNT = 3
UNACKNOWLEDGED_S = 10
"""Seconds after which data that the other end has not acknowledged ends the connection."""
CLIENT_CHECK_S = 2
"""Seconds between the server's checks, during a statement, whether its client is still connected."""

SERVER_SETTINGS = {
    "tcp_keepalives_idle": str(IDLE_S),
    "tcp_keepalives_interval": str(INTERVAL_S),
    "tcp_keepalives_count": str(COUNT),
    "tcp_user_timeout": str(UNACKNOWLEDGED_S * 1000),
    "client_connection_check_interval": str(CLIENT_CHECK_S * 1000),
}
"""The settings of a session for the server's end. On a Unix socket, the server ignores those that begin with `tcp_`,
and shows them as 0."""

# Not every system has all of these options.
_OPTIONS = (
    ("TCP_KEEPIDLE", IDLE_S),
    ("TCP_KEEPINTVL", INTERVAL_S),
    ("TCP_KEEPCNT", COUNT),
    ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_S * 1000),
)


def keep_alive(connection: Any) -> None:
    """Set the options of the client's end on the socket of an asyncpg connection; those of a Unix socket stay."""
    # asyncpg has no public access to its socket.
    end = connection._transport.get_extra_info("socket")
    if end is None or end.family not in (socket.AF_INET, socket.AF_INET6):
        return
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS:
        if hasattr(socket, name):
            end.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
