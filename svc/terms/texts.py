"""The terms of texts in the form in which they are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from svc.settings.terms import TextLanguage
from svc.terms.batches import BatchTerms
from svc.terms.by_language import LanguageWords
from svc.terms.counting import TextTerms

# The terms of this number of characters are found in about a millisecond; longer texts are processed in a thread.
_CHARACTERS_AT_ONCE = 4_000


# The maximum number of tenants with cached languages.
_MOST_SEEN = 100_000

Kind = Literal["chunk", "message"]


class StoredTerms:
    """Finds the terms of texts that are about to be stored, and notes whose texts have become more."""

    def __init__(self, language: TextLanguage = "english") -> None:
        self._batches = BatchTerms(LanguageWords(language))
        self.grown: set[tuple[UUID, Kind]] = set()
        """The tenants that have stored texts since this was last emptied; their samples may be out of date."""
        self.with_new_language: set[tuple[UUID, Kind]] = set()
        """The tenants with texts in a language that this object has not seen among theirs before."""
        self._seen: set[tuple[UUID, Kind, TextLanguage]] = set()

    async def of(self, texts: Sequence[str], user_id: UUID, kind: Kind = "chunk") -> list[TextTerms | None]:
        """The terms of each text; None for a text without any. Does not block the event loop."""
        if sum(map(len, texts)) <= _CHARACTERS_AT_ONCE:
            return self._found(texts, user_id, kind)
        return await asyncio.to_thread(self._found, texts, user_id, kind)

    def _found(self, texts: Sequence[str], user_id: UUID, kind: Kind) -> list[TextTerms | None]:
        found, languages = self._batches.of(texts, user_id)
        new = {(user_id, kind, language) for language in languages} - self._seen
        if new:
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen |= new
            self.with_new_language.add((user_id, kind))
        return found
