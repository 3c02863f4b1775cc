"""Counts the terms of many texts in one sort, which also puts the terms of each in the order that a sparsevec needs."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc.database.copying import Int4Array, int4_elements
from svc.terms.weights import MOST_ENTRIES, added_for_length, salt
from svc.terms.words import MOST_TERMS, TERM_COUNT

# Terms are below 2^30; the text is in the bits above.
_TERM_BITS = 30
_TERM_MASK = (1 << _TERM_BITS) - 1


class TextTerms(NamedTuple):
    """The keys and weights of a text, as chunk_terms and message_terms have them."""

    keys: Sequence[int]
    weights: bytes


MANY: Final = TextTerms((), b"")
"""Stands for the terms of a text with more than are stored."""


def pairs_of(texts: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of a text and a number below 2^30, each as one number; they sort by text."""
    return (texts << _TERM_BITS) | numbers


def parted(pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The texts and the numbers of pairs."""
    return pairs >> _TERM_BITS, pairs & _TERM_MASK


class TermCounts:
    """The terms of some texts, which are numbered from 0."""

    def __init__(self, text_count: int) -> None:
        self._lengths: NDArray[np.int64] = np.zeros(text_count, dtype=np.int64)
        self._pairs: list[NDArray[np.int64]] = []
        self._replaced: list[tuple[int, int]] = []

    def add(self, texts: NDArray[np.int64], terms: NDArray[np.int64], own_mark: int | None) -> None:
        """Add terms, each of a text; `own_mark` is one more of each of these texts, not counted in their length."""
        lengths = np.bincount(texts, minlength=len(self._lengths))
        self._lengths += lengths
        self._pairs.append(pairs_of(texts, terms))
        if own_mark is not None:
            marked = np.flatnonzero(lengths)
            self._pairs.append(pairs_of(marked, np.full_like(marked, own_mark)))

    def replace(self, terms: list[tuple[int, int]]) -> None:
        """Count terms, pairs of a text and a term, instead of equal ones that are added; not in the lengths."""
        self._replaced = terms

    def stored(self, user_id: UUID) -> Iterator[TextTerms | None]:
        """The terms of each text for the tables of a tenant; None for a text without any."""
        texts, terms, counts = self._counted()
        weights = (counts / (counts + added_for_length(self._lengths)[texts])).astype(">f4").tobytes()
        dimensions = (terms - 1).astype(">i4").tobytes()
        keys = int4_elements(terms ^ salt(user_id))
        bounds = np.searchsorted(texts, np.arange(len(self._lengths) + 1)).tolist()
        for first, last in pairwise(bounds):
            count = last - first
            if count > min(MOST_TERMS, MOST_ENTRIES):
                yield MANY
            elif count:
                head = struct.pack(">iii", TERM_COUNT, count, 0)
                vector = b"".join((head, dimensions[4 * first : 4 * last], weights[4 * first : 4 * last]))
                yield TextTerms(Int4Array(keys[8 * first : 8 * last]), vector)
            else:
                yield None

    def _counted(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The texts and terms in order, and how often each of them occurs."""
        pairs, counts = np.unique(np.concatenate(self._pairs), return_counts=True)
        if self._replaced:
            replaced = np.array(self._replaced, dtype=np.int64)
            others, other_counts = np.unique(pairs_of(replaced[:, 0], replaced[:, 1]), return_counts=True)
            is_kept = ~np.isin(pairs, others)
            pairs, counts = np.append(pairs[is_kept], others), np.append(counts[is_kept], other_counts)
            order = np.argsort(pairs)
            pairs, counts = pairs[order], counts[order]
        return *parted(pairs), counts
