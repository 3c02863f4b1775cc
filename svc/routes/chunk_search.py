"""A search of chunks: its fields, its results, and the statements that it runs (`sql/search/`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType
from numpy.typing import NDArray

from svc.database import rows as r
from svc.filters.reading import Filter
from svc.routes.query_vectors import QueryText, QueryVector
from svc.routes.questions import KeywordWeight, Question
from svc.routes.results import Passage, ResultOptions, Selected, place_fields, select_results
from svc.routes.searched_collections import CollectionIds, not_searchable
from svc.routes.shared_access import Share, find_collections, read_while_shared, shares_changed
from svc.search.filters import Filters
from svc.search.highlights import Highlight, Highlighter
from svc.search.hybrid import HybridSearch, KeywordSearch, Mode, postings_budget, run_hybrid, run_keyword
from svc.search.lanes import Found, Metric, Search, TenantSize, run_search
from svc.web.request import Call

Limit = Annotated[int, Meta(ge=1, le=100)]
Row: TypeAlias = r.SearchExact | r.SearchHybridExact | r.SearchKeyword


class SearchOptions(ResultOptions, frozen=True):
    """The fields of a search except its query."""

    embedding: QueryVector | None = None
    mode: Mode | None = None
    keyword_weight: KeywordWeight | None = None
    limit: Limit = 5
    threshold: float | None = None
    metric: Metric = "cosine"
    recall: Literal["exact"] | None = None
    document_ids: Annotated[list[UUID], Meta(max_length=1000)] | None = None
    conversation_id: UUID | None = None
    collection_ids: CollectionIds | None = None
    attribute_filter: Filter | None = None


class SearchRequest(SearchOptions, frozen=True, forbid_unknown_fields=True):
    """A search by `query`, a text, or by `embedding`, a vector of the same model, or by both.

    `mode` is `hybrid` (the default with a query), `meaning` (the default without) or `keyword`. A hybrid search orders
    by the weighted sum of a score for the meaning and one for the keywords; `keyword_weight` is the weight of the
    latter, and the default depends on the model. With both a query and an embedding, the embedding is used for the
    meaning, and the query for the keywords. Except in mode `meaning`, `"…"` in a query requires an exact phrase, and
    `-word` excludes a word.

    `threshold` is the minimum similarity: 1 - distance for cosine, 1 / (1 + distance) for l2, the inner product itself
    for inner_product. `uploaded_after` is inclusive, `uploaded_before` is exclusive. `recall: "exact"` compares every
    vector and every chunk with a term of the query, however many there are; otherwise one result in a hundred may be
    missed. `conversation_id` limits the search to the documents of the conversation and to the files of its
    collections; if it has neither, nothing is found. `collection_ids` limits it to the files of these collections, and
    `attribute_filter` to those of them whose attributes in the collection match.

    `neighbours` adds a `passage` to each result: the text of the chunk with this number of chunks on each side.
    Passages that overlap become one result. With `group_by`, `limit` is the number of documents, each with its
    `per_group` best chunks. Chunks with the same text are one result, unless `duplicates` is `keep`. `max_tokens` keeps
    the best results that fit together. `highlights` adds the positions of the query's words.
    """

    query: QueryText | None = None


class Result(Struct, frozen=True, kw_only=True):
    """A chunk that the search found.

    `metadata` combines the metadata of the document and of the chunk; `page`, `title` and `heading` come from the
    chunk's own metadata. The results are in the order of `score`: the weighted sum in mode hybrid, otherwise the
    similarity or the keyword score. Values that a mode does not compute are null. `duplicates` is the number of other
    chunks with the same text that the search found. `highlights` are ranges in `content`: start and end in characters.
    """

    chunk_id: UUID
    document_id: UUID
    filename: str
    chunk_index: int
    content: str
    token_count: int
    page: int | UnsetType = UNSET
    title: str | UnsetType = UNSET
    heading: list[str] | UnsetType = UNSET
    metadata: dict[str, Any]
    similarity: float | None
    distance: float | None
    keyword_score: float | None
    score: float
    duplicates: int
    highlights: list[Highlight] | UnsetType = UNSET
    passage: Passage | UnsetType = UNSET


@dataclass
class ChunkSearch:
    """A checked search of chunks. Without an `embedding`, it compares keywords only.

    With a share, it searches collections of another user; `_is_bound` if the conversation names them.
    """

    _call: Call
    _options: SearchRequest
    _question: Question
    _embedding: NDArray[np.float32] | None
    _filters: Filters
    _share: Share | None
    _is_bound: bool
    embedding_s: float
    _last: Found[Row] | None = field(default=None, init=False)
    _begun: tuple[int, Sequence[Row]] | None = field(default=None, init=False)

    @property
    def mode(self) -> Mode:
        """The mode of the search: the requested one or the default."""
        return self._question.mode

    @property
    def last(self) -> Found[Row]:
        """The statement that found the results."""
        assert self._last is not None, "the search has not been run"
        return self._last

    async def begin(self, max_rows: int) -> None:
        """Run the statement before the number of results is known: probably at most `max_rows`."""
        self._begun = max_rows, await self._run(max_rows)

    async def results(self, limit: int, max_tokens: int | None = None) -> list[Result]:
        """Run the search, unless it has begun and found enough. `max_tokens` applies in addition to that of the
        options.

        Raises:
            InvalidRequestError: a collection that the request names is no longer shared with the caller.
            UnavailableError: a collection of the conversation is no longer shared with the caller.
        """
        options = self._options
        if max_tokens is not None:
            least = max_tokens if options.max_tokens is None else min(max_tokens, options.max_tokens)
            options = msgspec.structs.replace(options, max_tokens=least)
        self._call.services.usage.add(self._call.principal.tenant, searches=1)
        if self._share is None:
            return await self._results(options, limit)
        results = await read_while_shared(
            self._share, self._find_share, lambda share: self._results_shared(share, options, limit)
        )
        if results is None:
            raise shares_changed() if self._is_bound else not_searchable()
        return results

    async def _find_share(self) -> Share | None:
        return await find_collections(self._call, {*(self._options.collection_ids or [])})

    async def _results_shared(self, share: Share, options: SearchRequest, limit: int) -> list[Result]:
        if share != self._share:
            # The existing rows were read with another share.
            self._share, self._begun = share, None
        return await self._results(options, limit)

    @property
    def _tenant(self) -> UUID:
        """The user whose chunks are searched."""
        return self._call.principal.tenant if self._share is None else self._share.owner_id

    @property
    def _size(self) -> TenantSize:
        of = self._call.principal if self._share is None else self._share
        return TenantSize(of.chunk_count, of.has_index)

    async def _results(self, options: SearchRequest, limit: int) -> list[Result]:
        selected = await select_results(self._call.services.database, self._tenant, self._rows, options, limit)
        results = [self._result(one) for one in selected]
        return await self._highlighted(results) if options.highlights else results

    async def _rows(self, max_rows: int) -> Sequence[Row]:
        """The best `max_rows` chunks."""
        if self._begun is not None:
            most, rows = self._begun
            if max_rows <= most or len(rows) < most:
                return rows[:max_rows]
        return await self._run(max_rows)

    async def _run(self, max_rows: int) -> Sequence[Row]:
        """Run the statement of the search."""
        services, tenant, size, question = self._call.services, self._tenant, self._size, self._question
        body, filters = self._options, self._filters
        is_exact, exact_rows = body.recall == "exact", services.settings.exact_rows
        if self._embedding is not None:
            wanted = Search(tenant, self._embedding, max_rows, body.metric, body.threshold, filters, is_exact)
            if question.mode == "meaning":
                self._last = await run_search(services.database, wanted, size, exact_rows)
                return self._last.rows
        budget = None if is_exact else postings_budget(size.chunk_count, is_filtered=not filters.is_empty)
        terms = await services.query_terms.of(
            tenant, "chunk", question.text, budget, size.chunk_count, scored_for=self._call.principal.tenant
        )
        if self._embedding is None:
            self._last = await run_keyword(services.database, KeywordSearch(tenant, terms, max_rows, filters))
        else:
            hybrid = HybridSearch(wanted, terms, question.keyword_weight)
            self._last = await run_hybrid(services.database, hybrid, size, exact_rows)
        return self._last.rows

    def _result(self, selected: Selected[Row]) -> Result:
        row = selected.row
        similarity, distance, keyword_score, score = _scores(row)
        return Result(
            chunk_id=row.chunk_id,
            document_id=row.document_id,
            filename=row.filename,
            chunk_index=row.chunk_index,
            content=row.content,
            token_count=row.token_count,
            **place_fields(row.chunk_metadata),
            metadata={**row.document_metadata, **row.chunk_metadata},
            similarity=similarity,
            distance=distance,
            keyword_score=keyword_score,
            score=score,
            duplicates=selected.duplicates,
            passage=UNSET if selected.passage is None else selected.passage,
        )

    async def _highlighted(self, results: list[Result]) -> list[Result]:
        """Add the positions of the query's words in the content and in the passage."""
        highlighter = Highlighter(self._call.services.query_terms.words, self._question.text)
        in_contents = await highlighter.of([result.content for result in results])
        passages = [result.passage for result in results]
        in_passages = await highlighter.of([passage.content if passage else "" for passage in passages])
        return [
            msgspec.structs.replace(
                result,
                highlights=in_content,
                passage=msgspec.structs.replace(passage, highlights=in_passage) if passage else UNSET,
            )
            for result, passage, in_content, in_passage in zip(results, passages, in_contents, in_passages, strict=True)
        ]


def _scores(row: Row) -> tuple[float | None, float | None, float | None, float]:
    """The similarity, the distance, the keyword score and the score that orders the results."""
    if isinstance(row, r.SearchHybridExact):
        return row.similarity, row.distance, row.keyword_score, row.score
    if isinstance(row, r.SearchKeyword):
        return None, None, row.keyword_score, row.keyword_score
    return row.similarity, row.distance, None, row.similarity
