"""The terms of many texts at once, as `Words.document` and `text_weights` find them for one, in a fifth of the time.

Each word has a number, and NumPy counts the terms of all texts in one sort, which also puts the terms of each
text in the order that a sparsevec needs.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple
from uuid import UUID

import numpy as np

from svc.database.copying import Int4Array, int4_elements
from svc.terms.vocabulary import Vocabulary
from svc.terms.weights import MOST_ENTRIES, added_for_length, keys_of, salt, text_weights
from svc.terms.words import MOST_TERMS, TERM_COUNT, Words

# Terms are below 2^30; the text is in the bits above.
_TERM_BITS = 30
_TERM_MASK = (1 << _TERM_BITS) - 1


class TextTerms(NamedTuple):
    """The keys and weights of a text, as chunk_terms and message_terms have them."""

    keys: Sequence[int]
    weights: bytes


class BatchTerms:
    """Finds the terms of batches of texts; any number of threads can use one object."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._vocabulary = Vocabulary()

    def of(self, texts: Sequence[str], user_id: UUID) -> list[TextTerms | None]:
        """The terms of each text for the tables of a tenant; None for a text without any."""
        if self._vocabulary.is_full:
            self._vocabulary = Vocabulary()
        vocabulary = self._vocabulary
        found = [self._words.found(text) for text in texts]
        missing = {word for words in found for word in words}.difference(vocabulary.numbers)
        if missing:
            vocabulary.add(missing, self._words)
        return _counted(self._words, vocabulary, texts, found, user_id)


def _counted(
    words: Words, vocabulary: Vocabulary, texts: Sequence[str], found: Sequence[Sequence[str]], user_id: UUID
) -> list[TextTerms | None]:
    number_of = vocabulary.numbers.__getitem__
    sizes = [len(each) for each in found]
    occurring = np.fromiter(map(number_of, chain.from_iterable(found)), dtype=np.int64, count=sum(sizes))
    # Read once, after the numbers: other threads may add words.
    widths, terms = vocabulary.widths, vocabulary.terms
    begins = np.cumsum(widths) - widths
    text_of = np.repeat(np.arange(len(texts), dtype=np.int64), sizes)
    each = widths[occurring]
    text_of_term = np.repeat(text_of, each)
    # The places of the terms of each occurring word in `terms`, one word after the other.
    ends = np.cumsum(each)
    places = np.arange(int(each.sum()), dtype=np.int64) - np.repeat(ends - each - begins[occurring], each)
    lengths = np.bincount(text_of_term, minlength=len(texts))
    counted, counts = np.unique((text_of_term << _TERM_BITS) | terms[places], return_counts=True)
    text_of_count = counted >> _TERM_BITS
    weights = (counts / (counts + added_for_length(lengths)[text_of_count])).astype(">f4").tobytes()
    counted &= _TERM_MASK
    dimensions = (counted - 1).astype(">i4").tobytes()
    keys = int4_elements(counted ^ salt(user_id))
    bounds = np.searchsorted(text_of_count, np.arange(len(texts) + 1)).tolist()

    stored: list[TextTerms | None] = []
    for text, first, last in zip(texts, bounds[:-1], bounds[1:], strict=True):
        count = last - first
        if count > min(MOST_TERMS, MOST_ENTRIES) or words.has_ideographs(text):
            stored.append(_one(words, text, user_id))
        elif count:
            head = struct.pack(">iii", TERM_COUNT, count, 0)
            vector = b"".join((head, dimensions[4 * first : 4 * last], weights[4 * first : 4 * last]))
            stored.append(TextTerms(Int4Array(keys[8 * first : 8 * last]), vector))
        else:
            stored.append(None)
    return stored


def _one(words: Words, text: str, user_id: UUID) -> TextTerms | None:
    """The terms of a text by definition, which has rules for very many terms, and for ideographs."""
    counted = words.document(text)
    if not counted.counts:
        return None
    weights = text_weights(counted)
    return TextTerms(keys_of(weights, user_id), weights)
