"""Words that are divided at the ends of lines."""

from __future__ import annotations

import re
from collections.abc import Iterable

from svc.ingest.tokens import count_tokens

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_HYPHENED = re.compile(r"(\w*)\x02(\w*)")
_DIVIDED_LETTERS = 2  # Words are not divided after their first letter.
BROKEN_END = re.compile(r"\w*[\x02]\Z")


def marked_hyphens(text: str) -> str:
    """Mark with U+0002, as PDFium does for some, every hyphen at the end of a line that may divide a word."""
    text = re.sub(r"[\x02\xad]\n?", "\x02", text.replace("\ufffe", "\x02"))
    text = re.sub(r"(?<=\w)[-\u2010](?:\n(?=\w)|\s*\Z)", "\x02", text)
    return re.sub(r"(?<=\s)[-\u2212]\n(?=\d)", "-", text)  # a minus


class Joiner:
    """Joins divided words in the spelling of the rest of the document."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._words = {word.lower() for text in texts for word in _WORD.findall(_HYPHENED.sub(" ", text))}

    def joined(self, text: str) -> str:
        """Return the text without marks."""
        return _HYPHENED.sub(self._join, text)

    def _join(self, found: re.Match[str]) -> str:
        left, right = found.groups()
        glued, hyphened = f"{left}{right}", f"{left}-{right}"
        if left and not right:
            return f"{left}-"
        if not left or glued.lower() in self._words:
            return glued
        if not (left.isalpha() and right.isalpha()) or hyphened.lower() in self._words:
            return hyphened
        if min(len(left), len(right)) < _DIVIDED_LETTERS or (right[0].isupper() and not right.isupper()):
            return hyphened
        # Two words with a hyphen have no more tokens apart than as one, unlike the two halves of a word, and the second
        # is a word.
        is_word = right.lower() in self._words or count_tokens(right) == 1
        return hyphened if is_word and count_tokens(glued) >= count_tokens(left) + count_tokens(right) else glued
