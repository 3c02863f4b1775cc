"""Paths of requests, which contain ids that an application may have got from somebody else."""

from __future__ import annotations

import re

# Names are percent-encoded where they are put into a path; an id needs no other characters.
_PATH = re.compile(r"(?:/[A-Za-z0-9._~%-]+)+")
_OUTWARD = frozenset({".", ".."})


def checked_path(path: str) -> str:
    """Return a path unless it leads elsewhere: `../users/…` in place of the id of a document would.

    Raises:
        ValueError: an id in it is empty or invalid.
    """
    if _PATH.fullmatch(path) is None or not _OUTWARD.isdisjoint(path.split("/")):
        raise ValueError(f"{path[:200]!r} contains an id that is empty or has characters that no id has")
    return path
