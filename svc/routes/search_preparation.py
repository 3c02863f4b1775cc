"""Checks a search of chunks, limits it to readable chunks, and embeds its query, before its statement runs."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from svc.errors import InvalidRequestError
from svc.fields.validation import Faults
from svc.routes.chunk_search import ChunkSearch, SearchOptions, SearchRequest
from svc.routes.questions import question_vector, read_question
from svc.routes.searched_collections import find_bound, find_searched, not_searchable
from svc.search.filters import Filters, attributes_path, check_filters
from svc.web.request import Call


@dataclass(frozen=True)
class Scope:
    """The documents and the collections that a conversation names."""

    document_ids: list[UUID]
    collection_ids: list[UUID]


ReadScope = Callable[[], Awaitable[Scope]]


async def prepare_search(call: Call, options: SearchRequest, read_scope: ReadScope | None = None) -> ChunkSearch:
    """Check a search, and embed its query. No database connection is held meanwhile.

    In the turn of a conversation, `read_scope` reads its scope. Its collections limit the search in any case, its
    documents only if `conversation_id` is set.

    Raises:
        InvalidRequestError: a field is wrong, or one that the mode needs is missing.
        QuotaExceededError: the user's plan has no tokens left for the query.
    """
    options = _within_limit(call, options)
    faults = Faults()
    check_filters(faults, options)
    faults.check(_check_attributes, options.attribute_filter, "attribute_filter")
    faults.raise_if_any()
    if options.conversation_id is None and read_scope is None:
        _check_has_collections(options, [])
    question = read_question(call, options)
    started = time.perf_counter()
    embedding = None if question.mode == "keyword" else await question_vector(call, question)
    embedding_s = time.perf_counter() - started
    scope = await (read_scope() if read_scope is not None else _read_scope(call, options.conversation_id))
    _check_has_collections(options, scope.collection_ids)
    is_bound, share = options.collection_ids is None and bool(scope.collection_ids), None
    if is_bound:
        left, share = await find_bound(call, scope.collection_ids)
        options = msgspec.structs.replace(options, collection_ids=left)
    elif options.collection_ids:
        share = await find_searched(call, options.collection_ids)
    filters = Filters.of(
        options, _document_ids(options, scope), _collection_ids(options, scope), options.attribute_filter
    )
    return ChunkSearch(call, options, question, embedding, filters, share, is_bound, embedding_s)


def _within_limit(call: Call, options: SearchRequest) -> SearchRequest:
    """The search, limited to the collection of the key if it has one.

    Raises:
        InvalidRequestError: the search names another collection.
    """
    limit = call.principal.collection_id
    if limit is None:
        return options
    if options.conversation_id is not None:
        raise _no_conversation()
    if options.collection_ids is None:
        return msgspec.structs.replace(options, collection_ids=[limit])
    if {*options.collection_ids} - {limit}:
        raise not_searchable()
    return options


def _no_conversation() -> InvalidRequestError:
    return InvalidRequestError("conversation_id is not the id of one of your conversations", field="conversation_id")


def _check_attributes(filter_: dict[str, Any], field: str) -> None:
    attributes_path(filter_, field)


def _check_has_collections(options: SearchOptions, bound: list[UUID]) -> None:
    if options.attribute_filter is not None and not options.collection_ids and not bound:
        raise InvalidRequestError(
            "attribute_filter needs collection_ids, since a file has attributes in a collection", field="collection_ids"
        )


async def _read_scope(call: Call, conversation_id: UUID | None) -> Scope:
    if conversation_id is None:
        return Scope([], [])
    row = await call.services.database.one(
        "conversations/get", user_id=call.principal.tenant, conversation_id=conversation_id
    )
    if row is None:
        raise _no_conversation()
    return Scope(row.document_ids, row.collection_ids or [])


def _document_ids(options: SearchOptions, scope: Scope) -> list[UUID] | None:
    """The documents to search, named by both the request and its conversation; None for all.

    A conversation that names only collections does not limit the documents; one that names nothing has none.
    """
    documents = scope.document_ids
    if options.conversation_id is None or (scope.collection_ids and not documents):
        return options.document_ids
    return documents if options.document_ids is None else sorted({*documents} & {*options.document_ids})


def _collection_ids(options: SearchOptions, scope: Scope) -> list[UUID] | None:
    """The collections in the request, without those that the conversation excludes; None if it names none."""
    if options.collection_ids is None or not scope.collection_ids:
        return options.collection_ids
    return sorted({*scope.collection_ids} & {*options.collection_ids})
