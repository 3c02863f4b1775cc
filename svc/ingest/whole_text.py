"""Restores the text of a document from its chunks, which overlap and repeat the heads of tables."""

from __future__ import annotations

from typing import Any

_BETWEEN = 2  # newlines, where a chunk does not say where it begins
# More than a text has in white space. An imported chunk could say that it begins anywhere, and memory would not do.
_MOST_BETWEEN = 2**18


class WholeText:
    """The text of a document, starting at the character `place`.

    Between two chunks, the text has only white space, which is not stored and is replaced by the same number of
    newlines.
    """

    def __init__(self, place: int = 0) -> None:
        self._wanted = place
        self._at = 0

    def following(self, content: str, metadata: dict[str, Any]) -> str:
        """Return the text that the next chunk, in order, adds."""
        before, after = _added(metadata)
        own = content[before : len(content) - after]
        start = metadata.get("start")
        is_placed = isinstance(start, int) and metadata.get("end") == start + len(own)
        if not isinstance(start, int) or not is_placed or start > max(self._at, self._wanted) + _MOST_BETWEEN:
            start = self._at + (_BETWEEN if self._at else 0)
        end = start + len(own)
        begin = max(self._at, self._wanted)
        self._at = max(self._at, end)
        if end <= begin:
            return ""
        return "\n" * (start - begin) + own[max(begin - start, 0) :]


def _added(metadata: dict[str, Any]) -> tuple[int, int]:
    """The number of repeated characters at the beginning and at the end of a chunk."""
    match metadata.get("added"):
        case [int(before), int(after)] if before >= 0 <= after:
            return before, after
    return 0, 0
