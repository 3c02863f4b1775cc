"""Finds the terms of many texts ahead of their use: those of the next texts while the last ones are being stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import Self
from uuid import UUID

from svc.terms.counting import TextTerms
from svc.terms.texts import StoredTerms

TEXTS_AT_ONCE = 500
"""Texts whose terms are found together. The terms of 20,000 texts can take 100 MB."""


class TermsAhead:
    """The terms of texts in their order, `TEXTS_AT_ONCE` at a time, for an `async with` block.

    `next` returns those of some texts and begins with the following ones, so at most these are kept.
    """

    def __init__(self, terms: StoredTerms, texts: Iterable[str], user_id: UUID) -> None:
        self._terms = terms
        self._texts = iter(texts)
        self._user_id = user_id
        self._following: asyncio.Task[list[TextTerms | None]] | None = None

    async def __aenter__(self) -> Self:
        """Begin with the first texts."""
        self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Start no further texts. Those that a thread has started are finished."""
        if self._following is not None:
            self._following.cancel()

    async def next(self) -> list[TextTerms | None]:
        """The terms of the next texts, None for a text without any; an empty list at the end."""
        if self._following is None:
            return []
        found = await self._following
        self._begin()
        return found

    def _begin(self) -> None:
        texts = list(islice(self._texts, TEXTS_AT_ONCE))
        self._following = asyncio.create_task(self._terms.of(texts, self._user_id)) if texts else None
