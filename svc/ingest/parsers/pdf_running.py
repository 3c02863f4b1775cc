"""The headers and footers of a PDF, which each page repeats."""

from __future__ import annotations

import re
from collections import Counter

_RUNNING_LINES = 2  # at the top and at the bottom of a page
_RUNNING_PAGES = 3
_PAGE_NUMBER_LETTERS = 10  # such as: Page 3 of 17
_DIGITS = re.compile(r"\d+")


class RunningLines:
    """Lines at the edge of most pages that differ only in numbers. The first of each is kept."""

    def __init__(self, pages: list[list[str]]) -> None:
        with_text = [lines for lines in pages if lines]
        counts = Counter(key for lines in with_text for key in {_key(line) for line in _edges(lines)})
        self._keys = {
            key for key, count in counts.items() if key and count * 2 > len(with_text) and count >= _RUNNING_PAGES
        }
        self._seen: set[str] = set()

    def repeated(self, lines: list[str]) -> set[str]:
        """Return the lines of the next page that are headers and footers, and were on an earlier page."""
        found = set()
        for line in _edges(lines) if self._keys else ():
            if (key := _key(line)) not in self._keys:
                continue
            if key in self._seen or not key.strip("# "):
                found.add(line)
        self._seen |= {_key(line) for line in _edges(lines)} & self._keys if self._keys else set()
        return found


def _edges(lines: list[str]) -> list[str]:
    filled = [line for line in lines if line.strip()]
    return [*filled[:_RUNNING_LINES], *filled[-_RUNNING_LINES:]] if len(filled) > 2 * _RUNNING_LINES else filled


def _key(line: str) -> str:
    """The common part of a header on all pages: its words, or if it is little more, the place of the number."""
    words = " ".join(line.split())
    shape = _DIGITS.sub("#", words)
    return shape if sum(map(str.isalpha, shape)) <= _PAGE_NUMBER_LETTERS else words
