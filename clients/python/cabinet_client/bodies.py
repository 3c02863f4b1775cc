"""The fields of requests, as keyword arguments. An omitted field has the service's default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

Id = UUID | str
Attributes = Mapping[str, str | int | float | bool]
Status = Literal["stored", "processing", "ready", "error"]

Scope = Literal["read", "write"]


class CreateUser(TypedDict, total=False):
    """Fields of `users.create` except `email`."""

    name: str | None
    plan: str
    preferences: dict[str, Any]
    external_id: str | None


class UpdateUser(TypedDict, total=False):
    """Fields of `users.update`."""

    email: str
    name: str | None
    plan: str
    preferences: dict[str, Any]
    external_id: str | None


class Limits(TypedDict, total=False):
    """Limits of a plan; None means no limit."""

    max_documents: int | None
    max_chunks: int | None
    max_bytes: int | None
    max_conversations: int | None
    max_messages: int | None
    max_keys: int | None
    tokens_per_month: int | None
    requests_per_minute: int | None


class Upload(TypedDict, total=False):
    """Fields of an upload except the name and the content."""

    metadata: dict[str, Any]
    on_conflict: Literal["new", "skip", "replace"]
    expires_at: datetime | None


class NewChunk(TypedDict, total=False):
    """A chunk for `documents.create_from_chunks`; `content` is required."""

    content: str
    metadata: dict[str, Any]
    embedding: Sequence[float] | None


class UpdateDocument(TypedDict, total=False):
    """Fields of `documents.update`."""

    filename: str
    metadata: dict[str, Any]
    expires_at: datetime | None


class Selection(TypedDict, total=False):
    """The documents to delete; an empty selection is refused, and `all=True` selects all."""

    document_ids: Sequence[Id]
    status: Status
    metadata: dict[str, Any]
    filter: dict[str, Any]
    collection_ids: Sequence[Id]
    all: bool


class Search(TypedDict, total=False):
    """Fields of `search` except the query."""

    embedding: Sequence[float]
    mode: Literal["hybrid", "meaning", "keyword"]
    keyword_weight: float
    limit: int
    threshold: float | None
    metric: Literal["cosine", "l2", "inner_product"]
    recall: Literal["exact"]
    document_ids: Sequence[Id]
    conversation_id: Id
    collection_ids: Sequence[Id]
    attribute_filter: dict[str, Any]
    filter: dict[str, Any]
    metadata: dict[str, Any]
    file_types: Sequence[str]
    uploaded_after: datetime
    uploaded_before: datetime
    neighbours: int
    group_by: Literal["document"] | None
    per_group: int
    duplicates: Literal["fold", "keep"]
    max_tokens: int | None
    highlights: bool


class Collection(TypedDict, total=False):
    """Fields of `collections.create` and `collections.update`."""

    name: str | None
    description: str | None
    metadata: dict[str, Any]
    expires_after_s: int | None


class _Added(TypedDict):
    document_id: Id


class AddedFile(_Added, total=False):
    """A document to add to a collection, and its attributes there."""

    attributes: Attributes


class ListFiles(TypedDict, total=False):
    """The files of a collection to list. `after` is the id of the document before the first one."""

    after: Id
    status: Literal["processing", "ready", "error", "cancelled"]
    batch_id: Id
    sort: Literal["created_at", "-created_at"]


class Conversation(TypedDict, total=False):
    """Fields of `conversations.create` and `conversations.update`."""

    title: str | None
    document_ids: Sequence[Id]
    collection_ids: Sequence[Id]
    metadata: dict[str, Any]
    expires_at: datetime | None


class _Role(TypedDict):
    role: str


class Message(_Role, total=False):
    """A message to append."""

    content: str | Sequence[Mapping[str, Any]] | None
    tool_calls: Sequence[Mapping[str, Any]] | None
    tool_call_id: str | None
    name: str | None
    metadata: Mapping[str, Any]
    sources: Sequence[Id]
    token_count: int | None
    created_at: datetime | str | None


class UpdateMessage(TypedDict, total=False):
    """Fields of `conversations.update_message`."""

    content: str | Sequence[Mapping[str, Any]] | None
    tool_calls: Sequence[Mapping[str, Any]] | None
    name: str | None
    metadata: Mapping[str, Any]
    token_count: int


class SearchMessages(TypedDict, total=False):
    """Fields of `conversations.search` except the query."""

    embedding: Sequence[float]
    mode: Literal["hybrid", "meaning", "keyword"]
    keyword_weight: float
    limit: int
    threshold: float | None
    recall: Literal["exact"]
    roles: Sequence[str]
    created_after: datetime
    created_before: datetime
    filter: dict[str, Any]
    neighbours: int


class Days(TypedDict, total=False):
    """The days of a usage report, both included."""

    from_: date
    to: date
