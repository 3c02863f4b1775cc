"""The terms of texts in several languages: each text has the stems of its own language.

A query is too short to detect its language. It is read in all languages of the searched texts: a word of the query has
one term in each, which equals the term in a text in this language. A text whose language was detected wrongly is
therefore still found. A text in another language than that of the settings contains a mark of its language, so that the
counts of terms show the languages of a tenant's texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import zip_longest
from typing import get_args

from svc.settings.terms import TextLanguage
from svc.terms.languages import StemmedLanguage, language_of
from svc.terms.words import Counts, Words, counted_words, term


@cache
def mark(language: TextLanguage) -> int:
    """The term of all texts in a language. No word contains a space, so none has this term."""
    return term(f"language {language}")


MARKS = [mark(language) for language in get_args(StemmedLanguage)]
"""The terms that mark the languages of texts."""

QueryWord = dict[int, dict[TextLanguage, int]]
"""A word of a query, in any of its forms: each of its terms, and how often it occurs in the query by language."""


class LanguageWords:
    """Finds the terms of texts, of each in its language; any number of threads can use one object."""

    def __init__(self, language: TextLanguage) -> None:
        self.own = Words(language)
        # Without stems, all languages are equal.
        others = get_args(StemmedLanguage) if language != "none" else ()
        self._others: dict[TextLanguage, Words] = {
            other: Words(other, self.own.stop_words) for other in others if other != language
        }
        self.languages: tuple[TextLanguage, ...] = tuple(self._others)
        """The languages of marked texts."""

    def of(self, words: Sequence[str]) -> Words:
        """How the terms of a text with these words are found."""
        return self.in_language(language_of(words))

    def in_language(self, language: TextLanguage | None) -> Words:
        """How the terms of a text in this language are found. None: the language is not known."""
        return self.own if language is None else self._others.get(language, self.own)

    def of_text(self, text: str) -> Words:
        """How the terms of a text are found."""
        return self.of(self.own.found(text))

    def document(self, text: str) -> Counts:
        """The terms of a text that is stored."""
        words = self.of_text(text)
        counted = words.document(text)
        if words is self.own or not counted.counts:
            return counted
        return Counts({**counted.counts, mark(words.language): 1}, counted.length)

    def query(self, text: str, languages: Iterable[TextLanguage]) -> list[QueryWord]:
        """The words of a query of texts in the language of the settings and in other ones, each with its terms."""
        others = [self._others[language] for language in languages if language in self._others]
        found: dict[int, QueryWord] = {}
        for word, count in counted_words(text).items():
            own = self.own.of_word(word)
            for one in own:
                _count(found.setdefault(one, {}), one, count, self.own.language)
            for words in others if own else ():
                # The parts of an identifier are in the same order; one more than in the other language counts as
                # the last.
                for one, other in zip_longest(own, words.of_word(word), fillvalue=own[-1]):
                    _count(found[one], other, count, words.language)
        return list(found.values())


def _count(word: QueryWord, one: int, count: int, language: TextLanguage) -> None:
    counts = word.setdefault(one, {})
    counts[language] = counts.get(language, 0) + count
