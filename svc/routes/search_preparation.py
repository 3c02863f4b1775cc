"""Checks a search of chunks, limits it to what the caller may read, and embeds its query, before its statement runs."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import msgspec

from svc.errors import InvalidRequestError
from svc.fields.validation import Faults
from svc.routes.chunk_search import ChunkSearch, SearchOptions, SearchRequest
from svc.routes.questions import question_vector, read_question
from svc.routes.searched_collections import find_searched, not_searchable
from svc.search.filters import Filters, attributes_path, check_filters
from svc.web.request import Call


async def prepare_search(call: Call, options: SearchRequest, documents: list[UUID] | None = None) -> ChunkSearch:
    """Check a search, and embed its query. No database connection is held meanwhile.

    `documents` are those of the conversation, if the caller has read them.

    Raises:
        InvalidRequestError: a field is wrong, or one that the mode needs is missing.
        QuotaExceededError: the user's plan has no tokens left for the query.
    """
    options = _within_limit(call, options)
    faults = Faults()
    check_filters(faults, options)
    faults.check(_check_attributes, options.attribute_filter, "attribute_filter")
    faults.raise_if_any()
    if options.attribute_filter is not None and not options.collection_ids:
        raise InvalidRequestError(
            "attribute_filter needs collection_ids, since a file has attributes in a collection", field="collection_ids"
        )
    question = read_question(call, options)
    started = time.perf_counter()
    embedding = None if question.mode == "keyword" else await question_vector(call, question)
    embedding_s = time.perf_counter() - started
    share = await find_searched(call, options.collection_ids) if options.collection_ids else None
    filters = Filters.of(
        options, await _document_ids(call, options, documents), options.collection_ids, options.attribute_filter
    )
    return ChunkSearch(call, options, question, embedding, filters, share, embedding_s)


def _within_limit(call: Call, options: SearchRequest) -> SearchRequest:
    """The search that the key may do: one of a key that reaches one collection stays in it.

    Raises:
        InvalidRequestError: it names something else.
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


async def _document_ids(call: Call, options: SearchOptions, documents: list[UUID] | None) -> list[UUID] | None:
    """The documents to search: those in the request and in its conversation, or None for all."""
    if options.conversation_id is None:
        return options.document_ids
    if documents is None:
        row = await call.services.database.one(
            "conversations/get", user_id=call.principal.tenant, conversation_id=options.conversation_id
        )
        if row is None:
            raise _no_conversation()
        documents = row.document_ids
    return documents if options.document_ids is None else sorted({*documents} & {*options.document_ids})
