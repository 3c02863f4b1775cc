"""The URL of a database: validation, removal of the parameters of other clients, and the place to which it points.

No message contains any part of a password. A URL that a password breaks is split at unforeseeable places, so a message
about such a URL shows nothing of it.
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit, urlunsplit

SCHEMES = ("postgres://", "postgresql://")
DEFAULT_PORT = "5432"

_ENCODE = (
    "cannot be read; in user and password the characters @ : / ? # % must be percent-encoded, as "
    "%40 %3A %2F %3F %23 %25 (python -c 'import urllib.parse as u; print(u.quote(input(), safe=\"\"))' encodes one)"
)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_PORTS = re.compile(r"\d{0,5}")
_FOREIGN = frozenset(
    {
        # libpq's parameters, which asyncpg would send to the server as settings. asyncpg always uses UTF-8, tries hosts
        # in order, and takes its timeout from CABINET_CONNECT_TIMEOUT_S.
        "channel_binding", "client_encoding", "connect_timeout", "fallback_application_name", "gssencmode",
        "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts",
        "sslcompression", "sslsni", "tcp_user_timeout",
        # Parameters of other clients, which vendors' dashboards put into the URLs that they show.
        "connection_limit", "pgbouncer", "pool_timeout", "prepareThreshold", "socket_timeout", "statement_cache_size",
        "supa",
    }
)  # fmt: skip


def read_url(text: str) -> str:
    """Return the URL without the parameters that only other clients know.

    Raises:
        ValueError: it is not a URL of a PostgreSQL, or a character in its password breaks it; the message contains no
            part of it.
    """
    if not text.startswith(SCHEMES):
        raise ValueError("must begin with postgresql://")
    try:
        parts = urlsplit(text)
    except ValueError:
        # The message of the error may contain the password.
        raise ValueError(_ENCODE) from None
    address = parts.netloc.rpartition("@")[2]
    pieces = [piece for piece in parts.query.split("&") if piece]
    if (
        parts.netloc.count("@") > 1
        or parts.fragment
        or "#" in text
        or "@" in parts.path
        or "@" in parts.query
        or not all(piece.partition("=")[0] and "=" in piece for piece in pieces)
        or _BROKEN_ESCAPE.search(text)
        or not all(_PORTS.fullmatch(_port(host)) for host in address.split(","))
    ):
        raise ValueError(_ENCODE)
    # An empty value has no meaning, and asyncpg cannot parse one.
    kept = [piece for piece in pieces if piece.partition("=")[0] not in _FOREIGN and not piece.endswith("=")]
    return urlunsplit(parts._replace(query="&".join(kept)))


def place_of(url: str) -> str:
    """Where a database is, for messages: `db.example.com port 5432`, or the folder of the socket."""
    parts = urlsplit(url)
    given = {name: unquote(value) for name, _, value in (piece.partition("=") for piece in parts.query.split("&"))}
    hosts = parts.netloc.rpartition("@")[2] or given.get("host") or os.environ.get("PGHOST", "")
    if not hosts:
        return "the socket of this machine"
    ports = [port for port in (given.get("port") or os.environ.get("PGPORT", "")).split(",") if port]
    places = []
    for number, host in enumerate(hosts.split(",")):
        name = unquote(host.removesuffix(f":{_port(host)}"))
        if name.startswith("/"):
            places.append(f"the socket in {name}")
            continue
        port = _port(host) or (ports[number] if number < len(ports) else (ports or [DEFAULT_PORT])[-1])
        places.append(f"{name} port {port}")
    return " or ".join(places)


def hide_password(text: str, url: str) -> str:
    """Remove the password of a URL from a text, in both its encoded and its decoded form."""
    parts = urlsplit(url)
    secrets = {parts.netloc.rpartition("@")[0].partition(":")[2]}
    secrets |= {piece.partition("=")[2] for piece in parts.query.split("&") if "password" in piece.partition("=")[0]}
    for secret in sorted({*secrets, *map(unquote, secrets)} - {""}, key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


def _port(host: str) -> str:
    """The port in `host:port` or `[address]:port`; empty if there is none."""
    after = host.rpartition("]")[2]
    return after.partition(":")[2]
