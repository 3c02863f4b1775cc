"""Makes the results of a search from the found chunks: equal texts once, documents in groups, a budget of tokens.

The functions keep the order: the first found chunk is the best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

T = TypeVar("T")


class FoundChunk(Protocol):
    """A row of a search: a chunk of the reading `reading_id` of a document."""

    @property
    def chunk_id(self) -> UUID: ...
    @property
    def document_id(self) -> UUID: ...
    @property
    def reading_id(self) -> UUID: ...
    @property
    def chunk_index(self) -> int: ...
    @property
    def content(self) -> str: ...
    @property
    def token_count(self) -> int: ...
    @property
    def chunk_metadata(self) -> dict[str, Any]: ...


R = TypeVar("R", bound=FoundChunk)


@dataclass(frozen=True)
class Hit(Generic[R]):
    """A chunk that was found, and the number of omitted chunks with the same text."""

    row: R
    duplicates: int = 0


def folded(rows: Iterable[R]) -> list[Hit[R]]:
    """Return the first chunk of each text."""
    same: dict[str, list[R]] = {}
    for row in rows:
        same.setdefault(row.content, []).append(row)
    return [Hit(equal[0], len(equal) - 1) for equal in same.values()]


def grouped(hits: Iterable[Hit[R]], per_group: int, limit: int) -> list[Hit[R]]:
    """Return the first `per_group` chunks of each of the first `limit` documents, document by document."""
    groups: dict[UUID, list[Hit[R]]] = {}
    for hit in hits:
        document_id = hit.row.document_id
        if document_id in groups or len(groups) < limit:
            groups.setdefault(document_id, []).append(hit)
    return [hit for group in groups.values() for hit in group[:per_group]]


def fitting(items: Iterable[Sequence[T]], max_tokens: int, size: Callable[[T], int]) -> list[T]:
    """Return the items that fit into a token budget, in order.

    Each item is a list of its forms, the best one first. If no form of an item fits, it is omitted; a later one may
    fit.
    """
    kept, left = [], max_tokens
    for forms in items:
        form = next((form for form in forms if size(form) <= left), None)
        if form is not None:
            kept.append(form)
            left -= size(form)
    return kept
