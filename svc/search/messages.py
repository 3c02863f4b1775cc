"""Finding messages by meaning: `sql/message_search/`, and which of its lanes a search takes.

exact   compares the query with every vector of the user, or of the one conversation, that the filters leave.
bits    compares signatures first, from the covering key; the nearest of them exactly.

Unlike that of the chunks, the number of vectors is counted by the search itself, and no further than decides: so it is
that of the one conversation where only that is searched, it is never out of date, and nothing has to be kept right
when messages come and go. There is no lane of an index: people and models do not write so much that one would pay.
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

# Messages that are compared exactly after the signatures, as for chunks: see svc/search/lanes.py.
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
    """One search: `conversation_id` None searches all of the user's, and so do the filters that are None.

    `embedding` is the query's vector, `threshold` the least similarity (1 - cosine distance), `limit` the most results,
    `is_exact` that none may be missed, however long it takes.
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
        """The arguments that say whose messages are searched."""
        return {"user_id": self.user_id, "conversation_id": self.conversation_id}

    @property
    def arguments(self) -> _Arguments:
        """The arguments that both lanes take."""
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
    """Run a search down its lane: the exact one for up to `exact_rows` vectors."""
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
