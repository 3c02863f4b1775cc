"""Searches messages: the statements of `sql/message_search/` and the choice of the lane.

exact   compares the query with every vector of the user, or of one conversation, that passes the filters.
bits    compares the signatures in the covering key, then the nearest candidates exactly.

Unlike the search of chunks, this search counts the vectors itself, only as far as the choice of the lane requires. The
count covers only the searched conversation if there is one, is always current, and needs no maintenance when messages
are added or deleted. There is no index lane, since people and models do not write enough messages for it.

A hybrid search also adds shares of the surrounding messages' scores to the score of a message: half of the previous
message's score, a fifth of the one before, three tenths of the next message's and a tenth of the one after. In a
conversation, a message answers the previous one, but seldom repeats its words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypedDict, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc.database import rows as r
from svc.database.queries import Database
from svc.search.lanes import KeywordLane
from svc.search.query_terms import QueryTerms
from svc.vectors.signatures import signatures

MessageLane = Literal["exact", "bits"]

# The messages that are compared exactly after the signatures, as for chunks: see svc/search/lanes.py.
_LEAST_CANDIDATES = 100
_LEAST_HYBRID_CANDIDATES = 200
_CANDIDATES_A_RESULT = 5
MESSAGE_KEYWORD_WEIGHT = 0.5
"""Messages are short, so their vectors are as useful as their words, even those of the weaker local model."""


class _Place(TypedDict):
    user_id: UUID
    conversation_id: UUID | None


class _Scope(_Place):
    roles: Sequence[str] | None
    created_after: datetime | None
    created_before: datetime | None
    filters: dict[str, Any] | None
    max_rows: int


class _Arguments(_Scope):
    embedding: NDArray[np.float32]
    threshold: float | None


@dataclass(frozen=True)
class MessageScope:
    """The messages to search: those of one conversation, or of all if `conversation_id` is None.

    `limit` is the maximum number of results. Filters that are None do not apply; `filters` is the argument of the
    function `message_matches`.
    """

    user_id: UUID
    conversation_id: UUID | None
    limit: int
    roles: Sequence[str] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    filters: dict[str, Any] | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether only some of the user's messages are searched."""
        return any((self.conversation_id, self.roles, self.created_after, self.created_before, self.filters))

    @property
    def place(self) -> _Place:
        """The arguments that identify the searched user and conversation."""
        return {"user_id": self.user_id, "conversation_id": self.conversation_id}

    @property
    def arguments(self) -> _Scope:
        """The arguments of all statements."""
        return {
            **self.place,
            "roles": self.roles,
            "created_after": self.created_after,
            "created_before": self.created_before,
            "filters": self.filters,
            "max_rows": self.limit,
        }


@dataclass(frozen=True)
class MessageSearch:
    """One search by meaning.

    `embedding` is the vector of the query, `threshold` the minimum similarity (1 - cosine distance). With `is_exact`,
    no row is missed, however long the search takes.
    """

    scope: MessageScope
    embedding: NDArray[np.float32]
    threshold: float | None = None
    is_exact: bool = False

    @property
    def arguments(self) -> _Arguments:
        """The arguments of both lanes."""
        return {**self.scope.arguments, "embedding": self.embedding, "threshold": self.threshold}


Row_co = TypeVar("Row_co", covariant=True)


@dataclass(frozen=True)
class MessagesFound(Generic[Row_co]):
    """The rows of a search, best first, and the lane that found them."""

    rows: Sequence[Row_co]
    lane: MessageLane | KeywordLane


async def search_messages(
    database: Database, search: MessageSearch, exact_rows: int
) -> MessagesFound[r.MessageSearchBits]:
    """Run a search in its lane: the exact lane for up to `exact_rows` vectors, otherwise the bits lane."""
    lane = await _lane(database, search, exact_rows)
    if lane == "exact":
        return MessagesFound(await database.many("message_search/exact", **search.arguments), lane)
    rows = await database.many(
        "message_search/bits",
        **search.arguments,
        signature=signatures(search.embedding[np.newaxis])[0],
        candidates=max(_LEAST_CANDIDATES, _CANDIDATES_A_RESULT * search.scope.limit),
    )
    return MessagesFound(rows, lane)


async def search_messages_by_both(
    database: Database, search: MessageSearch, terms: QueryTerms, keyword_weight: float, exact_rows: int
) -> MessagesFound[r.MessageSearchHybridBits]:
    """Run a hybrid search; the lane is that of the search by meaning."""
    lane = await _lane(database, search, exact_rows)
    if lane == "exact":
        exact = await database.many(
            "message_search/hybrid_exact",
            **search.arguments,
            **terms.scored,
            **terms.conditions,
            keyword_weight=keyword_weight,
        )
        return MessagesFound(exact, lane)
    bits = await database.many(
        "message_search/hybrid_bits",
        **search.arguments,
        **terms.scored,
        **terms.conditions,
        keyword_weight=keyword_weight,
        signature=signatures(search.embedding[np.newaxis])[0],
        candidates=max(_LEAST_HYBRID_CANDIDATES, _CANDIDATES_A_RESULT * search.scope.limit),
    )
    return MessagesFound(bits, lane)


async def search_messages_by_keywords(
    database: Database, scope: MessageScope, terms: QueryTerms
) -> MessagesFound[r.MessageSearchKeyword]:
    """Run a search by keywords."""
    rows = await database.many(
        "message_search/keyword", **scope.arguments, **terms.scored, **terms.conditions
    )  # fmt: skip
    return MessagesFound(rows, "exact" if terms.is_complete else "rarest")


async def _lane(database: Database, search: MessageSearch, exact_rows: int) -> MessageLane:
    if search.is_exact or await _size(database, search.scope, exact_rows + 1) <= exact_rows:
        return "exact"
    return "bits"


async def _size(database: Database, scope: MessageScope, most: int) -> int:
    return await database.value("message_search/size", **scope.place, max_rows=most)
