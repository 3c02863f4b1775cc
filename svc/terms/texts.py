"""The terms of texts in the form in which they are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from svc.settings.terms import TextLanguage
from svc.terms.batches import BatchTerms, TextTerms
from svc.terms.words import Words

# Characters whose terms are found in about a millisecond; more are left to a thread.
_CHARACTERS_AT_ONCE = 4_000


Kind = Literal["chunk", "message"]


class StoredTerms:
    """Finds the terms of texts that are about to be stored, and notes whose texts have become more."""

    def __init__(self, language: TextLanguage = "english") -> None:
        self._batches = BatchTerms(Words(language))
        self.grown: set[tuple[UUID, Kind]] = set()
        """The tenants that have stored texts since this was last emptied; their samples may be out of date."""

    async def of(self, texts: Sequence[str], user_id: UUID) -> list[TextTerms | None]:
        """The terms of each text; None for a text without any. Does not block the event loop."""
        if sum(map(len, texts)) <= _CHARACTERS_AT_ONCE:
            return self._found(texts, user_id)
        return await asyncio.to_thread(self._found, texts, user_id)

    def _found(self, texts: Sequence[str], user_id: UUID) -> list[TextTerms | None]:
        return self._batches.of(texts, user_id)
