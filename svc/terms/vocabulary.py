"""The words that texts have contained, by number, with their terms in an array."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from svc.terms.words import Words

_MOST_WORDS = 100_000
_MOST_CHARACTERS = 2_000_000


class Vocabulary:
    """Numbers words from 0. Any number of threads can use one object; it holds the words of one language.

    `terms` has the terms of all words in order, `widths[n]` of them for word n. Both only grow, and other threads may
    add words at any time. A vocabulary that is full is replaced by an empty one.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.widths: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.terms: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._character_count = 0
        self._lock = threading.Lock()

    @property
    def is_full(self) -> bool:
        """Whether a new vocabulary is due."""
        return len(self.numbers) >= _MOST_WORDS or self._character_count >= _MOST_CHARACTERS

    def add(self, words: Iterable[str], source: Words) -> None:
        """Add the words that are missing."""
        with self._lock:
            new = [word for word in dict.fromkeys(words) if word not in self.numbers]
            found = source.terms_of(new)
            # The arrays first: a word that has a number has its terms there.
            self.widths = np.append(self.widths, _array([len(terms) for terms in found]))
            self.terms = np.append(self.terms, _array(list(chain.from_iterable(found))))
            self._character_count += sum(map(len, new))
            first = len(self.numbers)
            self.numbers.update((word, number) for number, word in enumerate(new, start=first))


def _array(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)
