"""The results of a search, and the options for their form: `sql/chunks/around.sql`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Generic, Literal, Protocol
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from svc.database.calls import Queries
from svc.search.filters import DocumentFilters
from svc.search.highlights import Highlight
from svc.search.passages import Part, Span, joined_text, spans, token_bound
from svc.search.results import Hit, R, fitting, folded, grouped

MOST_CHUNKS = 200
"""The maximum number of chunks that a search considers. A hybrid search has no more candidates."""

_LEAST_CHUNKS = 100

Neighbours = Annotated[int, Meta(ge=0, le=10, description="Chunks before and after, 0 to 10.")]


class ResultOptions(DocumentFilters, frozen=True, kw_only=True):
    """The filters of a search, and the form of its results."""

    neighbours: Neighbours = 0
    group_by: Literal["document"] | None = None
    per_group: Annotated[int, Meta(ge=1, le=20)] = 3
    duplicates: Literal["fold", "keep"] = "fold"
    max_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    highlights: bool = False


class Passage(Struct, frozen=True):
    """Consecutive chunks of a document as one text; text that two of them share appears once.

    `chunk_ids` are those of the requested chunks, best first. The text has at most `token_count` tokens.
    `highlights` are the positions of the query's words, if they were requested.
    """

    first_chunk_index: int
    last_chunk_index: int
    content: str
    token_count: int
    chunk_ids: list[UUID]
    highlights: list[Highlight] | UnsetType = UNSET


@dataclass(frozen=True)
class Selected(Generic[R]):
    """A result: the number of other chunks with the same text, and its passage, if one was requested."""

    row: R
    duplicates: int
    passage: Passage | None = None

    @property
    def token_count(self) -> int:
        """The number of tokens that the result contributes to a prompt."""
        return self.row.token_count if self.passage is None else self.passage.token_count

    @property
    def forms(self) -> list[Selected[R]]:
        """The result with its passage, and without."""
        return [self] if self.passage is None else [self, replace(self, passage=None)]


async def select_results(
    queries: Queries,
    tenant: UUID,
    find: Callable[[int], Awaitable[Sequence[R]]],
    options: ResultOptions,
    limit: int,
) -> list[Selected[R]]:
    """Return the results of a search. `find` returns up to a given number of chunks, best first.

    Runs at most one statement after the first search: one for the passages, or another search if duplicates reduced the
    number of results.
    """
    hits = await _hits(find, limit, options)
    if options.neighbours:
        selected = await _with_passages(queries, tenant, spans(hits, options.neighbours))
    else:
        selected = [Selected(hit.row, hit.duplicates) for hit in hits]
    if options.max_tokens is not None:
        forms = (one.forms for one in selected)
        selected = fitting(forms, options.max_tokens, lambda one: one.token_count)
    return selected


async def _hits(
    find: Callable[[int], Awaitable[Sequence[R]]],
    limit: int,
    options: ResultOptions,
) -> list[Hit[R]]:
    most = limit
    if options.group_by is not None:
        most = MOST_CHUNKS
    elif options.neighbours:
        most = max(_LEAST_CHUNKS, min(2 * limit, MOST_CHUNKS))
    rows = await find(most)
    hits = _distinct(rows, options)
    if len(hits) < limit <= len(rows) == most < _LEAST_CHUNKS * 2 and not options.neighbours:
        hits = _distinct(await find(max(_LEAST_CHUNKS, min(2 * limit, MOST_CHUNKS))), options)
    return hits[:limit] if options.group_by is None else grouped(hits, options.per_group, limit)


def _distinct(rows: Sequence[R], options: ResultOptions) -> list[Hit[R]]:
    return folded(rows) if options.duplicates == "fold" else [Hit(row) for row in rows]


async def _with_passages(queries: Queries, tenant: UUID, found: Sequence[Span[R]]) -> list[Selected[R]]:
    if not found:
        return []
    rows = await queries.many(
        "chunks/around",
        user_id=tenant,
        document_ids=[span.reading_id for span in found],
        firsts=[span.first for span in found],
        lasts=[span.last for span in found],
        max_rows=sum(span.last - span.first + 1 for span in found),
    )
    of_span = defaultdict(list)
    for row in rows:
        of_span[row.number].append(row)
    selected = []
    for number, span in enumerate(found, start=1):
        duplicates = sum(hit.duplicates for hit in span.hits)
        # The document may have been deleted since the search, or the texts may be too large together.
        chunks = of_span[number]
        passage = passage_of(chunks, [hit.row.chunk_id for hit in span.hits]) if chunks else None
        selected.append(Selected(span.hits[0].row, duplicates, passage))
    return selected


class _Numbered(Part, Protocol):
    @property
    def chunk_index(self) -> int: ...


def passage_of(chunks: Sequence[_Numbered], chunk_ids: list[UUID]) -> Passage:
    """Return consecutive chunks as a passage; `chunk_ids` are the requested chunks in it."""
    return Passage(
        chunks[0].chunk_index, chunks[-1].chunk_index, joined_text(chunks), token_bound(chunks), chunk_ids
    )  # fmt: skip


def place_fields(metadata: dict[str, Any]) -> dict[str, Any]:
    """The fields `page`, `title` and `heading` of a chunk, from its own metadata."""
    page, title, heading = (metadata.get(name) for name in ("page", "title", "heading"))
    above = [words for words in heading if isinstance(words, str)] if isinstance(heading, list) else []
    if not isinstance(title, str):
        title = above[0] if above else UNSET
    return {"page": page if type(page) is int else UNSET, "title": title, "heading": above or UNSET}
