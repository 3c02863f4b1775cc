"""Paths of requests, which can contain ids from users of the application."""

from __future__ import annotations

import re

# Names are percent-encoded in paths; an id needs no other characters.
_PATH = re.compile(r"(?:/[A-Za-z0-9._~%-]+)+")
_OUTWARD = frozenset({".", ".."})


def checked_path(path: str) -> str:
    """Return a path unless an id in it would change the path, like `../users/…`.

    Raises:
        ValueError: an id in it is empty or invalid.
    """
    if _PATH.fullmatch(path) is None or not _OUTWARD.isdisjoint(path.split("/")):
        raise ValueError(f"{path[:200]!r} contains an id that is empty or has invalid characters")
    return path
