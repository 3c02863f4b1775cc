"""The terms of a query, in the form for the statements of a search."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypedDict
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc.background import Background
from svc.database.queries import Database
from svc.search.candidates import WordPairs, rarest_words, share_of_word, word_pairs
from svc.search.operators import ReadQuery, pattern
from svc.settings.terms import TextLanguage
from svc.terms.by_language import LanguageWords, QueryWord, mark
from svc.terms.texts import Kind
from svc.terms.weights import Scale, keys, query_weights

# The shares change only when a tenant's texts are sampled again. They are read again after this number of seconds.
_KEPT_S = 60.0
# Seconds between reads before the first sample, which a worker takes soon after a tenant's first texts.
_MISSING_KEPT_S = 1.0
# Tenants whose shares are read again at the same time. Those of the others are read again after a later search.
_READ_AT_ONCE = 2
# The maximum number of tenants with cached shares, and of their terms, which take eight bytes each.
_MOST_KEPT = 1_000
_MOST_TERMS_KEPT = 8_000_000
# The binary format of an array: the head of one that is not empty, and each element with its size before it.
_HEAD_BYTES = 20
# Before the first sample, all terms count as equally rare.
_UNKNOWN_SHARE: Final = 0.001


class ScoredTerms(TypedDict):
    """The arguments of a statement that scores the terms."""

    keys: list[int] | None
    terms: bytes


class PairedTerms(ScoredTerms):
    """The arguments of a statement that scores the terms, and finds texts by pairs of words too."""

    left_1: list[int]
    right_1: list[int]
    left_2: list[int]
    right_2: list[int]


class Conditions(TypedDict):
    """The arguments of a statement for the phrases."""

    required: list[str] | None
    required_keys: list[int] | None
    excluded: list[str] | None
    excluded_keys: list[int] | None


@dataclass(frozen=True)
class QueryTerms:
    """The terms of a query, and the phrases that it requires and excludes.

    `weights` has the weights of all terms. A candidate contains one of `keys`, which belong to the rarest words; None:
    every text is a candidate, because the query requires only phrases of stop words. `is_complete`: the other words add
    no candidates. `required` and `excluded` are regular expressions; None if there are none. A text that matches all of
    `required` contains all of `required_keys`, and one that matches any of `excluded` one of `excluded_keys`.

    `paired` has the arguments of a statement without conditions. Its candidates contain one of fewer of the rarest
    words, or two of the others; `is_paired_complete`: there are no others.
    """

    keys: list[int] | None
    weights: bytes
    is_complete: bool
    paired: PairedTerms
    is_paired_complete: bool
    required: list[str] | None
    required_keys: list[int] | None
    excluded: list[str] | None
    excluded_keys: list[int] | None

    @property
    def has_conditions(self) -> bool:
        """Whether the query requires or excludes phrases."""
        return self.required is not None or self.excluded is not None

    @property
    def scored(self) -> ScoredTerms:
        """The arguments for the terms."""
        return {"keys": self.keys, "terms": self.weights}

    @property
    def conditions(self) -> Conditions:
        """The arguments for the phrases."""
        return {
            "required": self.required,
            "required_keys": self.required_keys,
            "excluded": self.excluded,
            "excluded_keys": self.excluded_keys,
        }


@dataclass(frozen=True)
class Shares:
    """The share of a tenant's texts that contain a term, from a sample: `terms`, ascending, and the share of each.

    `other_share` is the share of all other terms, and `text_count` the number of texts at the time of the sample,
    `sampled_at`, which is None before the first sample.
    """

    text_count: int
    other_share: float
    terms: NDArray[np.int32]
    shares: NDArray[np.float32]
    sampled_at: datetime | None = None

    def known(self, terms: Iterable[int]) -> dict[int, float]:
        """The share of each of these terms that is in the sample."""
        asked = np.fromiter(terms, dtype=np.int32)
        places = np.searchsorted(self.terms, asked)
        return {
            int(term): float(self.shares[place])
            for term, place in zip(asked, places, strict=True)
            if place < len(self.terms) and self.terms[place] == term
        }


class QueryTermsReader:
    """Makes the terms of queries.

    The first search of a tenant reads the tenant's shares. Later searches use the cached shares, and refresh old ones
    in the background.
    """

    def __init__(self, database: Database, language: TextLanguage, background: Background) -> None:
        self._database = database
        self._background = background
        self.words = LanguageWords(language)
        self._kept: OrderedDict[tuple[UUID, Kind], tuple[float, Shares]] = OrderedDict()
        self._term_count = 0
        self._reading: dict[tuple[UUID, Kind], asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Cancel the reads in the background."""
        tasks = list(self._reading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def of(
        self,
        user_id: UUID,
        kind: Kind,
        query: ReadQuery,
        budget: int | None,
        text_count: int | None = None,
        *,
        scored_for: UUID | None = None,
    ) -> QueryTerms:
        """The terms of a query for searching the texts of a tenant.

        `budget` is the maximum number of texts that contain the keys; None: all terms have keys. `text_count` is the
        tenant's number of texts, if a better one than in the sample is known. `scored_for` is another user who reads
        the results: then the weights come from their own texts, since scores would reveal the frequency of a term in
        texts that they may not read.
        """
        shares = await self._shares(user_id, kind)
        count = max(1, shares.text_count if text_count is None else text_count)
        languages = self._languages(shares, query.text)
        words = self.words.query(query.text, languages)
        scale = self._scale(shares, count, words, languages)
        reader_scale = scale
        if scored_for is not None and scored_for != user_id:
            own = await self._shares(scored_for, kind)
            reader_scale = self._scale(own, max(1, own.text_count), words, languages)
        # A text with a phrase contains each of its words. Phrases of stop words have no terms.
        required = [word for phrase in query.required for word in self.words.query(phrase, languages)]
        # The phrases are compared with the found texts, so using all languages is safe.
        excluded = [self.words.query(phrase, self.words.languages)[:1] for phrase in query.excluded]
        if query.required:
            in_phrases = shares.known(term for word in required for term in word)
            rarest = sorted(required, key=lambda word: share_of_word(word, in_phrases, shares.other_share))[:1]
        else:
            rarest = rarest_words(words, scale, None if budget is None else budget / count)
        # Half of the budget is for the rarest words, and half for pairs of the others.
        half = None if budget is None else budget / 2 / count
        fewer = rarest_words(words, scale, half)
        others = [word for word in words if word not in fewer]
        pairs = WordPairs() if half is None else word_pairs(others, scale, half)
        weights = query_weights(words, reader_scale)
        one_each = dict.fromkeys(term for phrase in excluded for word in phrase for term in word)
        return QueryTerms(
            keys=None if query.required and not required else _keys(rarest, user_id),
            weights=weights,
            is_complete=bool(query.required) or len(rarest) == len(words),
            paired={
                "keys": _keys(fewer, user_id),
                "terms": weights,
                "left_1": _keys(pairs.left_1, user_id),
                "right_1": _keys(pairs.right_1, user_id),
                "left_2": _keys(pairs.left_2, user_id),
                "right_2": _keys(pairs.right_2, user_id),
            },
            is_paired_complete=len(fewer) == len(words),
            required=[pattern(phrase) for phrase in query.required] or None,
            # A text contains a word with several terms if it contains one of them.
            required_keys=keys(dict.fromkeys(term for word in required if len(word) == 1 for term in word), user_id)
            or None,
            excluded=[pattern(phrase) for phrase in query.excluded] or None,
            excluded_keys=keys(one_each, user_id) if excluded and all(excluded) else None,
        )

    def _languages(self, shares: Shares, text: str) -> list[TextLanguage]:
        """The languages of the tenant's texts except that of the settings; all languages before the first sample."""
        if shares is _NO_SHARES:
            return list(self.words.languages)
        marked = shares.known(map(mark, self.words.languages))
        # A query in a detected language can be for texts that were stored after the sample.
        asked = self.words.of_text(text).language
        return [language for language in self.words.languages if mark(language) in marked or language == asked]

    def _scale(
        self, shares: Shares, text_count: int, words: Iterable[QueryWord], languages: Sequence[TextLanguage]
    ) -> Scale:
        of_term = shares.known(dict.fromkeys(term for word in words for term in word))
        marked = shares.known(map(mark, languages))
        of_language = {language: marked.get(mark(language), shares.other_share) for language in languages}
        of_language[self.words.own.language] = max(shares.other_share, 1 - sum(marked.values()))
        return Scale(text_count, of_term, shares.other_share, of_language)

    async def _shares(self, user_id: UUID, kind: Kind) -> Shares:
        tenant = user_id, kind
        if tenant not in self._kept:
            await self._read(user_id, kind)
        read_at, shares = self._kept[tenant]
        self._kept.move_to_end(tenant)
        age_s = time.monotonic() - read_at
        if age_s >= (_MISSING_KEPT_S if shares is _NO_SHARES else _KEPT_S):
            self._read_aside(user_id, kind)
        return shares

    def _read_aside(self, user_id: UUID, kind: Kind) -> None:
        tenant = user_id, kind
        if tenant in self._reading or len(self._reading) >= _READ_AT_ONCE:
            return
        # In a separate context, so that it does not inherit the request's connection and statistics.
        task = self._background.once(self._read(user_id, kind), name="term-shares", context=contextvars.Context())
        self._reading[tenant] = task
        task.add_done_callback(lambda _: self._reading.pop(tenant, None))

    async def _read(self, user_id: UUID, kind: Kind) -> None:
        tenant = user_id, kind
        _, known = self._kept.get(tenant, (0.0, _NO_SHARES))
        row = await self._database.one("search/term_shares", user_id=user_id, kind=kind, sampled_at=known.sampled_at)
        if row is None:
            shares = _NO_SHARES
        elif row.terms is None or row.shares is None:
            shares = known
        else:
            terms = _numbers(row.terms, ">i4").astype(np.int32)
            shares = Shares(
                row.text_count, row.other_share, terms, _numbers(row.shares, ">f4").astype(np.float32), row.sampled_at
            )
        self._keep(tenant, shares)

    def _keep(self, tenant: tuple[UUID, Kind], shares: Shares) -> None:
        _, before = self._kept.pop(tenant, (0.0, _NO_SHARES))
        self._kept[tenant] = time.monotonic(), shares
        self._term_count += len(shares.terms) - len(before.terms)
        while len(self._kept) > _MOST_KEPT or (self._term_count > _MOST_TERMS_KEPT and len(self._kept) > 1):
            _, (_, left_out) = self._kept.popitem(last=False)
            self._term_count -= len(left_out.terms)


def _keys(words: Iterable[QueryWord], user_id: UUID) -> list[int]:
    return keys(dict.fromkeys(term for word in words for term in word), user_id)


def _numbers(array: bytes, kind: str) -> NDArray[Any]:
    """The numbers of an array of four-byte numbers in the server's binary format."""
    elements = np.dtype([("size", ">i4"), ("number", kind)])
    return np.frombuffer(array[_HEAD_BYTES:], dtype=elements)["number"]


_NO_SHARES = Shares(1, _UNKNOWN_SHARE, np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32))
