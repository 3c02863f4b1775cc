"""The weights of terms by BM25, in the forms that the tables and statements take.

A stored text has a weight for each term that does not depend on other texts:

    tf / (tf + 1.2 * (0.25 + 0.75 * length / 90))

`tf` is the number of occurrences, `length` the number of all terms, and 90 a fixed average length, which ranks as well
as the tenant's average, which every write would have to maintain. A query has a weight for each term,

    count * ln(1 + (N - n + 0.5) / (n + 0.5))

for N texts of which n contain the term. The score of a text is the inner product of the two vectors, so the ranking is
that of BM25 with k1 = 1.2 and b = 0.75.

Both are values of the type sparsevec(1000000000), here in the server's binary format. Instead of terms, the index
contains keys: a term XOR a number of the tenant. A scan of the index for one tenant's common word therefore does not
read the postings of all other tenants.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svc.settings.terms import TextLanguage
from svc.terms.by_language import QueryWord
from svc.terms.words import TERM_COUNT, Counts

_SATURATION = 1.2  # k1
_LENGTH_SHARE = 0.75  # b
_USUAL_LENGTH = 90
# The maximum number of entries of a sparsevec.
MOST_ENTRIES = 16_000


def salt(user_id: UUID) -> int:
    """The number, below 2^31, that turns the tenant's terms into keys: the first 31 bits of the SHA-256 of the id.

    It is not a secret; it separates the tenants in the index.
    """
    return int.from_bytes(hashlib.sha256(user_id.bytes).digest()[:4], "big") >> 1


def keys(terms: Mapping[int, object], user_id: UUID) -> list[int]:
    """The keys of terms in the index of a tenant, in the order of the terms."""
    own = salt(user_id)
    return [term ^ own for term in terms]


def keys_of(weights: bytes, user_id: UUID) -> list[int]:
    """The keys of the terms that have these weights."""
    own = salt(user_id)
    (count,) = struct.unpack_from(">i", weights, 4)
    return [(index + 1) ^ own for index in struct.unpack_from(f">{count}i", weights, 12)]


def added_for_length(length: ArrayLike) -> NDArray[np.float64]:
    """The addend to the count of a term in texts of these lengths: k1 * (1 - b + b * length / the usual length)."""
    share = 1 - _LENGTH_SHARE + _LENGTH_SHARE * np.asarray(length, dtype=np.float64) / _USUAL_LENGTH
    return np.asarray(_SATURATION * share, dtype=np.float64)


def text_weights(counted: Counts) -> bytes:
    """The weights of a stored text, as a sparsevec."""
    added = float(added_for_length(counted.length))
    return sparse_vector({term: count / (count + added) for term, count in counted.counts.items()})


@dataclass(frozen=True)
class Scale:
    """The data on which the weights of a query depend.

    `text_count` is the number of texts, and `shares` has the share of them that contains a term, from 0 to 1;
    `other_share` is the share of a term that is not in `shares`. `languages` has the share of the texts in each
    language.
    """

    text_count: float
    shares: Mapping[int, float]
    other_share: float
    languages: Mapping[TextLanguage, float]


def query_weights(words: Iterable[QueryWord], scale: Scale) -> bytes:
    """The weights of a query, as a sparsevec.

    The terms of a word in several languages are forms of one word: they have the rarity of all of them together. But
    a term of one language can be that of another word in the next: the stem of "news" is "new" in French. So a term
    counts as much as the texts in its languages can be among those that contain it.
    """
    weights: dict[int, float] = {}
    for word in words:
        chances, share = {}, 0.0
        for term, counts in word.items():
            in_languages = min(1.0, sum(scale.languages.get(language, 0.0) for language in counts))
            known = scale.shares.get(term)
            chances[term] = 1.0 if not known else min(1.0, in_languages / known)
            share += (known or 0.0) * chances[term]
        rarity = inverse_frequency(scale.text_count, share or scale.other_share)
        for term, counts in word.items():
            weight = max(counts.values()) * rarity * chances[term]
            weights[term] = weights.get(term, 0.0) + weight
    return sparse_vector({term: weight for term, weight in weights.items() if weight})


def inverse_frequency(text_count: float, share: float) -> float:
    """The weight of a term that a share of the texts contains; greater than 0."""
    containing = text_count * min(share, 1.0)
    return math.log1p((text_count - containing + 0.5) / (containing + 0.5))


def sparse_vector(weights: Mapping[int, float]) -> bytes:
    """A sparsevec with 10^9 dimensions in the server's binary format.

    Raises:
        ValueError: there are more entries than a sparsevec can have.
    """
    count = len(weights)
    if count > MOST_ENTRIES:
        raise ValueError(f"a sparsevec has at most {MOST_ENTRIES} entries, not {count}")
    terms = sorted(weights)
    # The format counts dimensions from 0.
    return struct.pack(
        f">iii{count}i{count}f", TERM_COUNT, count, 0, *(term - 1 for term in terms), *map(weights.__getitem__, terms)
    )
