"""The words that texts have contained, by number, with their terms and languages in arrays."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from svc.settings.terms import TextLanguage
from svc.terms.languages import frequent_in
from svc.terms.splitting import SEPARATOR, is_several
from svc.terms.words import Words, has_ideographs

_MOST_WORDS = 200_000
_MOST_CHARACTERS = 4_000_000


class Lists:
    """A list of integers for each word: word number n has `_widths[n]` of them, from `_begins[n]` on in `_values`.

    One thread at a time adds lists, while others read those that were there before.
    """

    def __init__(self) -> None:
        self._begins = _NO_NUMBERS
        self._widths = _NO_NUMBERS
        self._values = _NO_NUMBERS
        self._value_count = 0

    def of(self, numbers: NDArray[np.int64], owners: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The integers of these words, one word after the other; and for each of them the owner of the word."""
        widths = self._widths[numbers]
        ends = np.cumsum(widths)
        places = np.arange(int(widths.sum()), dtype=np.int64)
        places += np.repeat(self._begins[numbers] - ends + widths, widths)
        return self._values[places], np.repeat(owners, widths)

    def has(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the list of each of these words has any integers."""
        return self._widths[numbers] > 0

    def missing(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of these words that have no list, each once."""
        count = int(numbers.max(initial=-1)) + 1
        self._begins, self._widths = _longer(self._begins, count), _longer(self._widths, count)
        return np.unique(numbers[self._widths[numbers] < 0])

    def add(self, numbers: NDArray[np.int64], lists: Sequence[Sequence[int]]) -> None:
        """Add the lists of words that are `missing`."""
        sizes = np.array([len(each) for each in lists], dtype=np.int64)
        first, self._value_count = self._value_count, self._value_count + int(sizes.sum())
        self._values = _longer(self._values, self._value_count)
        self._values[first : self._value_count] = [*chain.from_iterable(lists)]
        self._begins[numbers] = first + np.cumsum(sizes) - sizes
        self._widths[numbers] = sizes


class Numbered(NamedTuple):
    """The number of each word, 0 for a separator; whether it is several, or has ideographs; the languages by number."""

    numbers: NDArray[np.int64]
    is_several: NDArray[np.bool_]
    has_ideographs: NDArray[np.bool_]
    languages: Lists


class Vocabulary:
    """Numbers words. Any number of threads can use one object. One that is full is replaced by an empty one."""

    def __init__(self) -> None:
        self._numbers = _Numbers()
        self._words: list[str] = []
        self._several = Lists()
        self._ideographs = Lists()
        self._languages = Lists()
        self._terms: dict[TextLanguage, Lists] = {}
        self._character_count = 0
        self._lock = threading.Lock()
        self.number([SEPARATOR])

    @property
    def is_full(self) -> bool:
        """Whether a new vocabulary is due."""
        return len(self._numbers) >= _MOST_WORDS or self._character_count >= _MOST_CHARACTERS

    def number(self, words: Sequence[str]) -> Numbered:
        """Number words; equal words have the same number."""
        with self._lock:
            numbers = np.fromiter(map(self._numbers.__getitem__, words), dtype=np.int64, count=len(words))
            if self._numbers.new:
                self._add_new()
            return Numbered(numbers, self._several.has(numbers), self._ideographs.has(numbers), self._languages)

    def _add_new(self) -> None:
        new, self._numbers.new = self._numbers.new, []
        first = len(self._words)
        self._words += new
        self._character_count += sum(map(len, new))
        added = np.arange(first, len(self._words))
        for lists, found in (
            (self._languages, [frequent_in(word) for word in new]),
            (self._several, [(1,) if is_several(word) else () for word in new]),
            (self._ideographs, [(1,) if has_ideographs(word) else () for word in new]),
        ):
            lists.add(lists.missing(added), found)

    def terms(self, numbers: NDArray[np.int64], source: Words) -> Lists:
        """The terms of words, as `source` finds them: at least those of these numbers."""
        with self._lock:
            lists = self._terms.setdefault(source.language, Lists())
            missing = lists.missing(numbers)
            if len(missing):
                lists.add(missing, source.terms_of([self._words[number] for number in missing.tolist()]))
            return lists


class _Numbers(dict[str, int]):
    """Numbers words when they are first looked up, and lists the new ones."""

    def __init__(self) -> None:
        super().__init__()
        self.new: list[str] = []

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        self.new.append(word)
        return number


_NO_NUMBERS: NDArray[np.int64] = np.zeros(0, dtype=np.int64)


def _longer(array: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The array, or a longer one with room for `count` numbers and some more, which are -1."""
    if count <= len(array):
        return array
    return np.concatenate((array, np.full(count + count // 2 - len(array), -1)))
