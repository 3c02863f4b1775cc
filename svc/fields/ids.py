"""The forms of an id: a UUID with hyphens at their places, or its 32 digits, in either case, as in a body of JSON."""

from __future__ import annotations

import re
from uuid import UUID

_HEX = "[0-9a-fA-F]"
_ID = re.compile(f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}|{_HEX}{{32}}")


def read_id(text: str) -> UUID:
    """Return the id that a text is. Python's `UUID` alone also reads braces, `urn:uuid:`, digits of other scripts, and
    hyphens at other places, which are no id in a body.

    Raises:
        ValueError: it is none.
    """
    if _ID.fullmatch(text) is None:
        raise ValueError("no UUID")
    return UUID(text)
