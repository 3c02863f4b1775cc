"""Finds the words of a text that a query contains, in any of their forms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set

from svc.search.operators import ReadQuery
from svc.terms.by_language import LanguageWords
from svc.terms.words import Words

Highlight = tuple[int, int]
"""The start and end of a range in a text, in characters."""

# The words of this number of characters are found in about a millisecond; longer texts are processed in a thread.
_CHARACTERS_AT_ONCE = 4_000


class Highlighter:
    """Finds the words of a query in texts."""

    def __init__(self, words: LanguageWords, query: ReadQuery) -> None:
        self._words = words
        # The text also contains the required phrases, but not the excluded ones.
        self._query = query.text
        self._terms: dict[Words, Set[int]] = {words.own: words.own.query(query.text).counts.keys()}

    async def of(self, texts: Sequence[str]) -> list[list[Highlight]]:
        """The ranges in each text, in order and without overlap. Does not block the event loop."""
        if not self._terms[self._words.own]:
            return [[] for _ in texts]
        if sum(map(len, texts)) <= _CHARACTERS_AT_ONCE:
            return self._found(texts)
        return await asyncio.to_thread(self._found, texts)

    def _found(self, texts: Sequence[str]) -> list[list[Highlight]]:
        return [self._places(text) for text in texts]

    def _places(self, text: str) -> list[Highlight]:
        places: list[Highlight] = []
        words = self._words.of_text(text)
        terms = self._terms.get(words)
        if terms is None:
            terms = self._terms[words] = words.query(self._query).counts.keys()
        for begin, end, of_word in words.places(text):
            if terms.isdisjoint(of_word):
                continue
            if places and begin < places[-1][1]:
                places[-1] = (places[-1][0], max(end, places[-1][1]))
            else:
                places.append((begin, end))
        return places
