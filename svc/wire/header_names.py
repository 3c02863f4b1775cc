"""Which header fields a request must have, and which it may have only once."""

from __future__ import annotations

from collections.abc import Sequence

# If there are two values, a proxy before the server may use one and the server the other: whoever can add a field to a
# request that a proxy passes on would choose the user, the key or the host.
_SENT_ONCE = frozenset(
    (
        b"host", b"authorization", b"cabinet-user", b"content-type", b"expect", b"if-range", b"mcp-protocol-version",
        b"mcp-session-id", b"origin", b"range",
    )
)  # fmt: skip


def fault_of_names(names: Sequence[bytes], version: str) -> str | None:
    """Return what is wrong with a request's header fields, whose names are in lower case; None if they are right."""
    if version == "1.1" and b"host" not in names:
        return "a request of HTTP 1.1 must have the header Host"
    # Few requests have a name twice, so that others pay for one comparison only.
    if len(set(names)) < len(names):
        for name in sorted(_SENT_ONCE.intersection(names)):
            if names.count(name) > 1:
                return f"send the header {name.decode().title()} once"
    return None
