"""The objects in the service's answers. Fields that a newer service adds are ignored."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

T = TypeVar("T")
Metadata = dict[str, Any]


class Answer(msgspec.Struct, kw_only=True):
    """The base of all answers."""


class Page(Answer, Generic[T]):
    """A page of a list; `next` is the `after` of the following page, or null."""

    data: list[T]
    next: str | None = None


class User(Answer):
    """A user, who is a tenant."""

    id: UUID
    external_id: str | None
    email: str
    name: str | None
    plan: str
    preferences: Metadata
    created_at: datetime
    updated_at: datetime


class Me(Answer):
    """The user of a key; a key that is limited to one collection gets that collection, and no email address."""

    id: UUID
    external_id: str | None
    email: str | None
    name: str | None
    plan: str
    preferences: Metadata
    created_at: datetime
    updated_at: datetime
    collection_id: UUID | None = None


class UserCreated(Answer):
    """A new user, with the first key, which is shown only once."""

    user: User
    api_key: str


class UserErased(Answer):
    """The number of rows deleted, by table."""

    id: UUID
    rows: dict[str, int]
    index_left: str | None


class Key(Answer):
    """An API key, without its secret. `collection_id` is the only collection that it can access; null means all
    data."""

    id: UUID
    name: str | None
    prefix: str
    scopes: list[str]
    collection_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class KeyCreated(Answer):
    """A new key, with its secret, which is shown only once."""

    key: Key
    api_key: str


class Plan(Answer):
    """A plan with its limits; null means no limit."""

    name: str
    max_documents: int | None
    max_chunks: int | None
    max_bytes: int | None
    max_conversations: int | None
    max_messages: int | None
    max_keys: int | None
    tokens_per_month: int | None
    requests_per_minute: int | None
    updated_at: datetime


class Plans(Answer):
    """All plans."""

    data: list[Plan]


class QuotaState(Answer):
    """The used amount of one limit."""

    quota: str
    used: int
    allowed: int | None
    resets_at: datetime | None


class Quotas(Answer):
    """The plan, and the used amounts of its limits."""

    plan: str
    requests_per_minute: int | None
    quotas: list[QuotaState]


class Counts(Answer):
    """Usage."""

    requests: int
    searches: int
    uploads: int
    bytes: int
    messages: int
    tokens: int


class Period(Counts):
    """The usage of a day, or in the month that begins on it."""

    period: date


class UserUsage(Counts):
    """The usage of one user."""

    user_id: UUID
    email: str
    plan: str


class Usage(Answer):
    """The usage of the user, by day or by month."""

    from_: date = msgspec.field(name="from")
    to: date
    by: str
    data: list[Period]
    total: Counts


class Document(Answer):
    """A document; `status` is stored, processing, ready or error."""

    id: UUID
    filename: str
    file_type: str
    file_size: int
    status: str
    error: str | None
    attempt: int
    lease_expires_at: datetime | None
    progress: float
    chunk_count: int
    metadata: Metadata
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    warnings: list[str] = []
    purpose: str | None = None


class FileCounts(Answer):
    """The number of files in each state; there are more if `is_exact` is false."""

    processing: int
    ready: int
    error: int
    cancelled: int
    total: int
    is_exact: bool


class Collection(Answer):
    """A collection of files; `status` is active or expired, `access` owner or reader."""

    id: UUID
    name: str | None
    description: str | None
    metadata: Metadata
    status: str
    file_counts: FileCounts
    file_bytes: int
    expires_after_s: int | None
    expires_at: datetime | None
    last_active_at: datetime
    created_at: datetime
    updated_at: datetime
    access: str


class Reader(Answer):
    """A user who may read a collection; `user_id` is None if everyone may."""

    id: UUID
    user_id: UUID | None
    is_everyone: bool
    created_at: datetime


class CollectionFile(Answer):
    """A document in a collection; `status` is processing, ready, error or cancelled."""

    document_id: UUID
    collection_id: UUID
    batch_id: UUID | None
    filename: str
    file_type: str
    file_size: int
    chunk_count: int
    status: str
    error: str | None
    attributes: dict[str, str | int | float | bool]
    created_at: datetime
    updated_at: datetime


class FileBatch(Answer):
    """A batch of files of a collection; `status` is processing, ready or cancelled."""

    id: UUID
    collection_id: UUID
    status: str
    file_counts: FileCounts
    created_at: datetime
    cancelled_at: datetime | None


class Chunk(Answer):
    """A part of a document's text."""

    id: UUID
    document_id: UUID
    chunk_index: int
    content: str
    token_count: int
    metadata: Metadata
    created_at: datetime


class DocumentsDeleted(Answer):
    """The number of deleted documents, and whether there may be more."""

    deleted: int
    more: bool


class DocumentsQueued(Answer):
    """The number of documents to be ingested again, and whether there may be more."""

    queued: int
    more: bool


class MetadataPatched(Answer):
    """The number of changed documents; `next` is the `after` of the following request, or None."""

    updated: int
    next: UUID | None = None


class DocumentsTransferred(Answer):
    """The numbers of transferred documents and chunks."""

    documents: int
    chunks: int


class Passage(Answer):
    """Consecutive chunks of a document as one text; `chunk_ids` are those that were found, best first."""

    first_chunk_index: int
    last_chunk_index: int
    content: str
    token_count: int
    chunk_ids: list[UUID]
    highlights: list[tuple[int, int]] | None = None


class ChunkOfDocument(Chunk):
    """A chunk with the name of its document, and its place in the file."""

    filename: str
    page: int | None = None
    title: str | None = None
    heading: list[str] | None = None
    passage: Passage | None = None


class Result(Answer):
    """A chunk that a search found. Scores that the mode of the search does not compute are None."""

    chunk_id: UUID
    document_id: UUID
    filename: str
    chunk_index: int
    content: str
    metadata: Metadata
    similarity: float | None
    distance: float | None
    keyword_score: float | None
    score: float
    token_count: int = 0
    page: int | None = None
    title: str | None = None
    heading: list[str] | None = None
    duplicates: int = 0
    highlights: list[tuple[int, int]] | None = None
    passage: Passage | None = None


class SearchResponse(Answer):
    """The results of a search, best first."""

    results: list[Result]
    mode: str
    lane: str
    explanation: dict[str, Any] = {}


class Source(Answer):
    """A chunk that a message cites, with its text at that time.

    `filename` and `content` are empty, and `state` is `unavailable`, if another user no longer shares it.
    """

    chunk_id: UUID
    document_id: UUID
    filename: str
    chunk_index: int
    content: str
    state: str = "current"


class Message(Answer):
    """A message of a conversation; its content is a text, a list of parts, or None."""

    id: UUID
    conversation_id: UUID
    position: int
    role: str
    content: str | list[dict[str, Any]] | None
    metadata: Metadata
    sources: list[Source]
    token_count: int
    created_at: datetime
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    edited_at: datetime | None = None

    @property
    def text(self) -> str:
        """The content as text: the texts of its parts, one line after the other."""
        if isinstance(self.content, list):
            return "\n".join(part["text"] for part in self.content if isinstance(part.get("text"), str))
        return self.content or ""


class Conversation(Answer):
    """A conversation; `messages` only in a list with `recent`."""

    id: UUID
    title: str | None
    document_ids: list[UUID]
    collection_ids: list[UUID]
    metadata: Metadata
    message_count: int
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    messages: list[Message] = []


class MessagesAppended(Answer):
    """The appended messages."""

    data: list[Message]


class TurnMessage(Answer):
    """A message of a turn; `sources` are the ids of the chunks that it cites."""

    id: UUID
    position: int
    role: str
    content: str | list[dict[str, Any]] | None
    sources: list[UUID]
    token_count: int
    created_at: datetime
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class TurnChunk(Result, kw_only=True):
    """A chunk of a turn, with its number for citing."""

    number: int

    @property
    def place(self) -> str:
        """The place of the chunk, for people and models."""
        page = "" if self.page is None else f", page {self.page}"
        return f"{self.filename}{page}, chunk {self.chunk_index}"

    @property
    def text(self) -> str:
        """The text to show: the passage if there is one, otherwise the chunk."""
        return self.passage.content if self.passage else self.content


class Turn(Answer):
    """The messages and the chunks that fit into a budget; `cited` are chunks that the messages already cite."""

    messages: list[TurnMessage]
    chunks: list[TurnChunk]
    cited: list[TurnChunk]
    token_count: int
    history_token_count: int
    chunk_token_count: int
    omitted: int
    mode: str
    lane: str

    @property
    def sources(self) -> list[TurnChunk]:
        """All chunks, in the order of their numbers."""
        return [*self.chunks, *self.cited]

    @property
    def sources_text(self) -> str:
        """All chunks as a text for a prompt, each with its number and the name of its file."""
        return "\n\n".join(f"[{one.number}] {one.place}:\n{one.text}" for one in self.sources)


class Context(Answer):
    """The newest messages that fit into a token budget, oldest first."""

    data: list[Message]
    token_count: int
    omitted: int


class FoundMessage(Message, kw_only=True):
    """A message that a search found. Values that its mode does not compute are None."""

    similarity: float | None
    distance: float | None
    keyword_score: float | None
    score: float
    neighbours: list[Message] = msgspec.field(default_factory=list)


class MessageSearchResponse(Answer):
    """The messages that a search found, best first."""

    results: list[FoundMessage]
    mode: str
    lane: str
