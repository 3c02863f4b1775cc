"""Checks the header fields of a request: the required ones, those allowed only once, and the value of Host."""

from __future__ import annotations

import re
from collections.abc import Sequence

# If there are two values, a proxy before the server may use one and the server the other: a client that can add a field
# to a request that a proxy passes on would choose the user, the key or the host.
_SENT_ONCE = frozenset(
    (
        b"host", b"authorization", b"cabinet-user", b"content-type", b"expect", b"if-range", b"mcp-protocol-version",
        b"mcp-session-id", b"origin", b"range",
    )
)  # fmt: skip
# RFC 3986, section 3.2, without a user; it may be empty.
_HOST = re.compile(rb"(?:\[[0-9A-Za-z:.%_~-]*+\]|[0-9A-Za-z._~%!$&'()*+,;=-]*+)(?::[0-9]*+)?")


def fault_of_fields(headers: Sequence[tuple[bytes, bytes]], version: str) -> str | None:
    """Return the error in a request's header fields, whose names are in lower case; None if they are valid."""
    names = [name for name, _ in headers]
    if b"host" in names:
        if _HOST.fullmatch(headers[names.index(b"host")][1].strip()) is None:
            return "the header Host must be a name or an address, and a port if there is one"
    elif version == "1.1":
        return "a request of HTTP 1.1 must have the header Host"
    # Few requests have a name twice, so that others pay for one comparison only.
    if len(set(names)) < len(names):
        for name in sorted(_SENT_ONCE.intersection(names)):
            if names.count(name) > 1:
                return f"send the header {name.decode().title()} once"
    return None
