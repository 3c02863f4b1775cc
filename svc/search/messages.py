"""Searches messages by meaning: the lanes of `sql/message_search/` and the choice of the lane.

exact   compares the query with every vector of the user, or of one conversation, that passes the filters.
bits    compares the signatures in the covering key, then the nearest candidates exactly.

Unlike the search of chunks, this search counts the vectors itself, only as far as the choice of the lane requires. The
count covers one conversation if only that is searched, it is always current, and nothing must be maintained when
messages are added or deleted. There is no index lane: people and models do not write enough to make one worthwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypedDict
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc.database import rows as r
from svc.database.queries import Database
from svc.vectors.signatures import signatures

MessageLane = Literal["exact", "bits"]

# The messages that are compared exactly after the signatures, as for chunks: see svc/search/lanes.py.
_LEAST_CANDIDATES = 100
_CANDIDATES_A_RESULT = 5


class _Place(TypedDict):
    user_id: UUID
    conversation_id: UUID | None


class _Arguments(_Place):
    embedding: NDArray[np.float32]
    threshold: float | None
    roles: Sequence[str] | None
    created_after: datetime | None
    created_before: datetime | None
    max_rows: int


@dataclass(frozen=True)
class MessageSearch:
    """One search in a conversation, or in all conversations of the user if `conversation_id` is None.

    `embedding` is the vector of the query, `threshold` the minimum similarity (1 - cosine distance), `limit` the
    maximum number of results. `is_exact` requires that no row is missed, however long the search takes. Filters that
    are None do not apply.
    """

    user_id: UUID
    conversation_id: UUID | None
    embedding: NDArray[np.float32]
    limit: int
    threshold: float | None = None
    roles: Sequence[str] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    is_exact: bool = False

    @property
    def place(self) -> _Place:
        """The arguments that identify the searched user and conversation."""
        return {"user_id": self.user_id, "conversation_id": self.conversation_id}

    @property
    def arguments(self) -> _Arguments:
        """The arguments of both lanes."""
        return {
            **self.place,
            "embedding": self.embedding,
            "threshold": self.threshold,
            "roles": self.roles,
            "created_after": self.created_after,
            "created_before": self.created_before,
            "max_rows": self.limit,
        }


@dataclass(frozen=True)
class MessagesFound:
    """The rows of a search, most similar first, and the lane that found them."""

    rows: Sequence[r.MessageSearchBits]
    lane: MessageLane


async def search_messages(database: Database, search: MessageSearch, exact_rows: int) -> MessagesFound:
    """Run a search in its lane: the exact lane for up to `exact_rows` vectors, otherwise the bits lane."""
    if search.is_exact or await _size(database, search, exact_rows + 1) <= exact_rows:
        return MessagesFound(await database.many("message_search/exact", **search.arguments), "exact")
    rows = await database.many(
        "message_search/bits",
        **search.arguments,
        signature=signatures(search.embedding[np.newaxis])[0],
        candidates=max(_LEAST_CANDIDATES, _CANDIDATES_A_RESULT * search.limit),
    )
    return MessagesFound(rows, "bits")


async def _size(database: Database, search: MessageSearch, most: int) -> int:
    return await database.value("message_search/size", **search.place, max_rows=most)
