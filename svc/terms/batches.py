"""The terms of many texts at once, as `LanguageWords` and `text_weights` find them for one, in a fraction of the time.

Each word has a number. NumPy finds the languages of all texts by these, and the terms, and counts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc.settings.terms import TextLanguage
from svc.terms.by_language import LanguageWords, mark
from svc.terms.counting import MANY, TermCounts, TextTerms, pairs_of, parted
from svc.terms.languages import language_counts, languages_of
from svc.terms.splitting import words_of_texts
from svc.terms.vocabulary import Lists, Vocabulary
from svc.terms.weights import keys_of, text_weights
from svc.terms.words import Words, ideographs

# Texts with more characters are worked on in several batches, which need 50 times the memory of their characters.
_CHARACTERS_AT_ONCE = 2**20


class BatchTerms:
    """Finds the terms of batches of texts; any number of threads can use one object."""

    def __init__(self, words: LanguageWords) -> None:
        self._words = words
        self._vocabulary = Vocabulary()

    def of(self, texts: Sequence[str], user_id: UUID) -> tuple[list[TextTerms | None], set[TextLanguage]]:
        """The terms of each text for the tables of a tenant, None for a text without any; and the marked languages."""
        stored: list[TextTerms | None] = []
        languages: set[TextLanguage] = set()
        for batch in _batches(texts):
            stored += self._of_batch(batch, user_id, languages)
        return stored, languages

    def _of_batch(self, texts: Sequence[str], user_id: UUID, languages: set[TextLanguage]) -> list[TextTerms | None]:
        vocabulary = self._vocabulary
        if vocabulary.is_full:
            vocabulary = self._vocabulary = Vocabulary()
        words, places = words_of_texts(texts)
        numbered = vocabulary.number(words)
        text_of = np.cumsum(numbered.numbers == 0)
        is_word = numbered.numbers != 0
        by_definition = {*text_of[numbered.is_several].tolist()}
        with_ideographs = np.unique(text_of[numbered.has_ideographs]).tolist()
        numbers, text_of = numbered.numbers[is_word], text_of[is_word]
        counted = TermCounts(len(texts))
        if len(texts) == 1:
            # For one text, the calls of NumPy would take longer.
            of_words = {self._words.of(words): [0]}
        else:
            of_words = self._by_words(numbers, text_of, numbered.languages, len(texts))
        for source, members in of_words.items():
            is_member = slice(None) if len(of_words) == 1 else np.isin(text_of, members)
            some, owners = numbers[is_member], text_of[is_member]
            terms, text_of_term = vocabulary.terms(some, source).of(some, owners)
            counted.add(text_of_term, terms, None if source is self._words.own else mark(source.language))
        if with_ideographs:
            counted.replace(
                [(number, each) for number in with_ideographs for each in ideographs(texts[places[number]])]
            )
        languages |= {source.language for source in of_words if source is not self._words.own}
        stored: list[TextTerms | None] = [None] * len(texts)
        for number, terms_of_text in enumerate(counted.stored(user_id)):
            place = places[number]
            is_simple = terms_of_text is not MANY and number not in by_definition
            stored[place] = terms_of_text if is_simple else self._one(texts[place], user_id)
        return stored

    def _by_words(
        self, numbers: NDArray[np.int64], text_of: NDArray[np.int64], languages: Lists, text_count: int
    ) -> dict[Words, list[int]]:
        """The texts by the way in which their terms are found; `numbers` are their words, each that of a text."""
        if not self._words.languages:
            return {self._words.own: [*range(text_count)]}
        is_frequent = languages.has(numbers)
        often = text_of[is_frequent], numbers[is_frequent]
        once = parted(np.unique(pairs_of(*often)))
        counts, different = (language_counts(*languages.of(some, texts), text_count) for texts, some in (often, once))
        found = languages_of(np.bincount(text_of, minlength=text_count), counts, different)
        texts_of: dict[Words, list[int]] = {}
        for text in range(text_count):
            texts_of.setdefault(self._words.in_language(found.get(text)), []).append(text)
        return texts_of

    def _one(self, text: str, user_id: UUID) -> TextTerms | None:
        """The terms of a text by definition, which has rules for very many terms."""
        counted = self._words.document(text)
        if not counted.counts:
            return None
        weights = text_weights(counted)
        return TextTerms(keys_of(weights, user_id), weights)


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in order, as many at once as have `_CHARACTERS_AT_ONCE`, at least one."""
    first = size = 0
    for place, text in enumerate(texts):
        size += len(text)
        if size > _CHARACTERS_AT_ONCE and place > first:
            yield texts[first:place]
            first, size = place, len(text)
    if first < len(texts):
        yield texts[first:]
