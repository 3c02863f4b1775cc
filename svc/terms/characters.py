"""The characters of words: which are parts of a word, and which belong to scripts without spaces between words."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

# Parts of words that Python does not treat as letters or digits: the soft hyphen and the zero-width joiner.
JOINERS = "\u00ad\u200d"

# Han, kana, bopomofo and Hangul, and the scripts of Thai, Lao, Burmese and Khmer.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007),
    (0x3031, 0x3035), (0x3041, 0x30FF), (0x3105, 0x318F), (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0xFF66, 0xFFDC), (0x20000, 0x323AF),
)  # fmt: skip
_HAN = ((0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))


def _runs(codes: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for code in codes:
        if runs and code == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], code)
        else:
            runs.append((code, code))
    return runs


def _class(runs: Iterable[tuple[int, int]]) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in runs)


# Letters and digits beyond the Basic Multilingual Plane; emoji and other symbols are between these.
_BEYOND = ((0x10000, 0x1CFFF), (0x1D400, 0x1D7FF), (0x1E000, 0x1EFFF), (0x20000, 0x323AF))


@cache
def word_class() -> str:
    """The characters of words, as ranges of a character class: letters, digits, the underscore, marks and joiners.

    Python's `\\w` leaves out combining marks, but without its vowel signs a word of Hindi, Tamil or Thai falls apart.
    And a class without `\\w` is a table, in which a character is looked up in one step.
    """
    return _class(_word_runs())


@cache
def word_codes() -> NDArray[np.bool_]:
    """Whether each code point is a character of words."""
    table = np.zeros(sys.maxunicode + 1, dtype=np.bool_)
    for first, last in _word_runs():
        table[first : last + 1] = True
    return table


@cache
def _word_runs() -> list[tuple[int, int]]:
    there = (code for code in range(0x10000) if chr(code).isalnum() or chr(code) in f"_{JOINERS}" or _is_mark(code))
    return [*_runs(there), *_BEYOND]


@cache
def mark_class() -> str:
    """The combining marks of the Basic Multilingual Plane, as ranges of a character class."""
    return _class(_runs(code for code in range(0x300, 0x10000) if _is_mark(code)))


def _is_mark(code: int) -> bool:
    return code >= 0x300 and unicodedata.category(chr(code))[0] == "M"


UNSPACED = re.compile(f"[{_class(_UNSPACED)}]+")
"""A run of characters of scripts that write no spaces between words. Korean writes them, but attaches its particles."""

HAN = re.compile(f"[{_class(_HAN)}]")
"""An ideograph, which is a word or a part of one that has a meaning."""
