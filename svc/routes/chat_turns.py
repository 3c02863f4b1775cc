"""The context of a turn, for a language model: the newest messages, and chunks that fit the question."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, cast
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from svc.database import rows as r
from svc.errors import InvalidFieldsError, InvalidRequestError
from svc.fields.chat import Content, Role, ToolCalls
from svc.routes.chunk_search import ChunkSearch, Limit, Result, SearchOptions, SearchRequest
from svc.routes.histories import read_history
from svc.routes.new_messages import MAX_TOKENS
from svc.routes.query_vectors import SEARCH_BODY_BYTES, QueryText
from svc.routes.search_preparation import Scope, prepare_search
from svc.routes.shared_citations import fill_shared, is_shared
from svc.search.hybrid import Mode
from svc.search.lanes import KeywordLane, Lane
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("conversations")

_MOST_MESSAGES = 1_000
# The number of additional chunks to search for, which replace those that the history cites.
_MOST_CITED = 100
# The same for a search that begins before the history has been read; it runs again if the history cites more.
_SPARE = 10


class TurnSearch(SearchOptions, frozen=True, forbid_unknown_fields=True):
    """The fields of a search except its query; `limit` is the maximum number of chunks."""

    limit: Limit = 20


class TurnRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A question, and the tokens that the messages and chunks may have together.

    The messages get at most the share `history_share`, and the chunks get the rest.
    """

    query: QueryText
    token_budget: Annotated[int, Meta(ge=1, le=MAX_TOKENS)] = 3000
    history_share: Annotated[float, Meta(ge=0, le=1)] = 1 / 3
    search: TurnSearch = TurnSearch()


class TurnMessage(Struct, frozen=True, kw_only=True):
    """A message of the conversation; `sources` are the ids of the chunks that it cites."""

    id: UUID
    position: int
    role: Role
    content: Content | None
    tool_calls: ToolCalls | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    sources: list[UUID]
    token_count: int
    created_at: datetime


class TurnChunk(Result, frozen=True, kw_only=True):
    """A chunk that the search found, with its number for citing."""

    number: int


class Turn(Struct, frozen=True):
    """The messages, oldest first, and the chunks, best first, numbered from 1.

    A chunk that one of these messages already cites is in `cited` instead; the numbers continue there.
    `token_count` is the sum of `history_token_count` and `chunk_token_count`. It exceeds the budget only if the
    messages of the roles system and developer alone exceed it. `omitted` is the number of omitted messages.
    """

    messages: list[TurnMessage]
    chunks: list[TurnChunk]
    cited: list[TurnChunk]
    token_count: int
    history_token_count: int
    chunk_token_count: int
    omitted: int
    mode: Mode
    lane: Lane | KeywordLane


@routes.post(
    "/conversations/{conversation_id}/turn",
    errors=(404, 503),
    reads=True,
    body_bytes=SEARCH_BODY_BYTES,
    example={"query": "How far away is the Moon?", "token_budget": 3000, "search": {"limit": 10}},
)
async def get_turn(call: Call, body: TurnRequest) -> Turn:
    """Get the context of a language model for the next turn: messages and chunks that fit into a token budget.

    The messages are those of the context: a tool's answer is not cut from its call. The chunks are those that a search
    with these fields finds, without those that the messages already cite. Nothing is stored.
    """
    conversation_id = call.path_id("conversation_id", "conversation")
    if body.search.conversation_id not in (None, conversation_id):
        raise InvalidRequestError(
            "conversation_id can only be that of the conversation itself", field="search.conversation_id"
        )
    said, search = await _read(call, body, conversation_id)
    results = await search.results(body.search.limit + said.more, max(0, body.token_budget - said.token_count))
    chunks, cited = _divided(results, said, body.search.limit)
    used, chunk_tokens = said.token_count, sum(_tokens(chunk) for chunk in [*chunks, *cited])
    return Turn(
        said.messages, chunks, cited, used + chunk_tokens, used, chunk_tokens, said.omitted, search.mode,
        search.last.lane,
    )  # fmt: skip


@dataclass(frozen=True)
class _Said:
    """The messages of a turn, and the ids and texts of the chunks that they cite."""

    messages: list[TurnMessage]
    token_count: int
    omitted: int
    scope: Scope
    cited_ids: set[UUID]
    texts: set[str]

    @property
    def more(self) -> int:
        """The number of chunks to search for in addition to the requested ones."""
        return min(len(self.cited_ids), _MOST_CITED)


async def _read(call: Call, body: TurnRequest, conversation_id: UUID) -> tuple[_Said, ChunkSearch]:
    """Read the messages, and search meanwhile, unless the search depends on the conversation's documents or
    collections.

    Usually the messages arrive before the query is embedded, so the search requests exactly the chunks that it needs.
    Otherwise it begins as for a conversation without collections, like most.
    """
    reading = asyncio.create_task(_read_said(call, body, conversation_id))
    options = body.search
    fields = {name: getattr(options, name) for name in SearchOptions.__struct_fields__}
    request = SearchRequest(query=body.query, **fields)
    waits = options.conversation_id is not None or options.attribute_filter is not None

    assumed = False

    async def read_scope() -> Scope:
        nonlocal assumed
        assumed = not waits and not reading.done()
        return Scope([], []) if assumed else (await reading).scope

    try:
        with _named("search", SearchOptions):
            search = await prepare_search(call, request, read_scope)
            if assumed and options.group_by is None and not options.neighbours:
                await search.begin(options.limit + _SPARE)
            if assumed and (await reading).scope.collection_ids:
                search = await prepare_search(call, request, read_scope)
        return await reading, search
    except BaseException:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        raise


@contextmanager
def _named(place: str, options: type[Struct]) -> Iterator[None]:
    """Name the wrong fields of `options` by their path in the request."""
    try:
        yield
    except InvalidRequestError as error:
        fields = [fault.field.replace("[", ".").split(".")[0] for fault in error.faults]
        if not {*fields} & {*options.__struct_fields__}:
            raise
        faults = [
            replace(fault, field=f"{place}.{fault.field}") if field in options.__struct_fields__ else fault
            for field, fault in zip(fields, error.faults, strict=True)
        ]
        raise InvalidFieldsError(faults) from None


async def _read_said(call: Call, body: TurnRequest, conversation_id: UUID) -> _Said:
    share = int(body.token_budget * body.history_share)
    database, tenant = call.services.database, call.principal.tenant
    history = await read_history(database, tenant, conversation_id, share, _MOST_MESSAGES)
    await fill_shared(database, tenant, filter(is_shared, (source for row in history.rows for source in row.sources)))
    messages = [_message(row) for row in history.rows]
    return _Said(
        messages,
        sum(message.token_count for message in messages),
        history.omitted,
        Scope(history.document_ids, history.collection_ids),
        {chunk_id for message in messages for chunk_id in message.sources},
        {source["content"] for row in history.rows for source in row.sources if source["content"]},
    )


def _divided(results: Sequence[Result], said: _Said, limit: int) -> tuple[list[TurnChunk], list[TurnChunk]]:
    """Up to `limit` results that no message cites, and then the cited ones, numbered in this order."""
    new: list[Result] = []
    cited: list[Result] = []
    for result in results:
        if result.chunk_id in said.cited_ids or result.content in said.texts:
            cited.append(result)
        elif len(new) < limit:
            new.append(result)
    numbered = [_numbered(result, number) for number, result in enumerate([*new, *cited], start=1)]
    return numbered[: len(new)], numbered[len(new) :]


def _numbered(result: Result, number: int) -> TurnChunk:
    return TurnChunk(number=number, **{name: getattr(result, name) for name in Result.__struct_fields__})


def _tokens(chunk: TurnChunk) -> int:
    """The number of tokens of a chunk's text, or of its passage if it has one."""
    return chunk.passage.token_count if chunk.passage else chunk.token_count


def _message(row: r.MessagesContext) -> TurnMessage:
    return TurnMessage(
        id=row.id,
        position=row.position,
        role=cast(Role, row.role),
        content=row.content if row.parts is None else row.parts,
        tool_calls=UNSET if row.tool_calls is None else row.tool_calls,
        tool_call_id=UNSET if row.tool_call_id is None else row.tool_call_id,
        name=UNSET if row.name is None else row.name,
        sources=[UUID(source["chunk_id"]) for source in row.sources],
        token_count=row.token_count,
        created_at=row.created_at,
    )
