"""The rows of the statements: a class for each `:one` and `:many`, a tuple for each `:copy`.

Generated from the headers of `sql/` by `make types`; `make check` compares them.
Statements share a class where a header says `returns: as …`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from pgvector import HalfVector

from svc.database.types import Json, Row, Vector, column


class CalibrationCreateDocuments(Row):
    """A row of `calibration/create_documents`."""

    __slots__ = ()

    id: UUID = column("id")


class CatalogueColumns(Row):
    """A row of `catalogue/columns`."""

    __slots__ = ()

    table_name: str = column("table_name")
    name: str = column("name")
    type: str = column("type")
    is_required: bool = column("is_required")
    is_key: bool = column("is_key")


class CatalogueForeignKeys(Row):
    """A row of `catalogue/foreign_keys`."""

    __slots__ = ()

    table_name: str = column("table_name")
    name: str = column("name")
    referenced_table: str = column("referenced_table")
    definition: str = column("definition")


class CatalogueIndexes(Row):
    """A row of `catalogue/indexes`."""

    __slots__ = ()

    table_name: str = column("table_name")
    name: str = column("name")
    definition: str = column("definition")
    bytes: int = column("bytes")
    scans: int = column("scans")
    is_unique: bool = column("is_unique")
    is_valid: bool = column("is_valid")


class CatalogueStatementTimes(Row):
    """A row of `catalogue/statement_times`."""

    __slots__ = ()

    query: str = column("query")
    calls: int = column("calls")
    total_ms: float = column("total_ms")
    rows: int = column("rows")


class CatalogueTables(Row):
    """A row of `catalogue/tables`."""

    __slots__ = ()

    name: str = column("name")
    estimated_rows: float | None = column("estimated_rows")
    heap_bytes: int = column("heap_bytes")
    toast_bytes: int = column("toast_bytes")
    index_bytes: int = column("index_bytes")
    sequential_scans: int = column("sequential_scans")
    index_scans: int = column("index_scans")
    dead_rows: int = column("dead_rows")


class ChunksAround(Row):
    """A row of `chunks/around`."""

    __slots__ = ()

    number: int = column("number")
    chunk_id: UUID = column("chunk_id")
    chunk_index: int = column("chunk_index")
    content: str = column("content")
    token_count: int = column("token_count")
    metadata: Json = column("metadata")


class ChunksGet(Row):
    """A row of `chunks/get`."""

    __slots__ = ()

    chunk_id: UUID = column("chunk_id")
    document_id: UUID = column("document_id")
    filename: str = column("filename")
    chunk_index: int = column("chunk_index")
    content: str = column("content")
    token_count: int = column("token_count")
    metadata: Json = column("metadata")
    created_at: datetime = column("created_at")


class ChunksListByDocument(Row):
    """A row of `chunks/list_by_document`."""

    __slots__ = ()

    id: UUID = column("id")
    document_id: UUID = column("document_id")
    chunk_index: int = column("chunk_index")
    content: str = column("content")
    token_count: int = column("token_count")
    metadata: Json = column("metadata")
    created_at: datetime = column("created_at")


class ChunksListCited(Row):
    """A row of `chunks/list_cited`."""

    __slots__ = ()

    chunk_id: UUID = column("chunk_id")
    filename: str = column("filename")
    content: str = column("content")


class ChunksListFrom(Row):
    """A row of `chunks/list_from`."""

    __slots__ = ()

    chunk_index: int = column("chunk_index")
    chunk_count: int = column("chunk_count")
    content: str = column("content")
    metadata: Json = column("metadata")


class CollectionFilesGet(Row):
    """A row of `collection_files/add`, `collection_files/get`, `collection_files/list`, `collection_files/update`."""

    __slots__ = ()

    document_id: UUID = column("document_id")
    collection_id: UUID = column("collection_id")
    batch_id: UUID | None = column("batch_id")
    filename: str = column("filename")
    file_type: str = column("file_type")
    file_size: int = column("file_size")
    chunk_count: int = column("chunk_count")
    status: str = column("status")
    error: str | None = column("error")
    chunk_sizes: Json | None = column("chunk_sizes")
    attributes: Json = column("attributes")
    created_at: datetime = column("created_at")
    updated_at: datetime = column("updated_at")
    reading_id: UUID = column("reading_id")


class CollectionFilesAttributes(Row):
    """A row of `collection_files/attributes`."""

    __slots__ = ()

    document_id: UUID = column("document_id")
    attributes: Json = column("attributes")


class CollectionFilesFindDocument(Row):
    """A row of `collection_files/find_document`."""

    __slots__ = ()

    seq: UUID = column("seq")
    reading_id: UUID = column("reading_id")


class CollectionFilesListLeft(Row):
    """A row of `collection_files/list_left`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    collection_id: UUID = column("collection_id")
    file_id: UUID = column("file_id")


class CollectionFilesListOfDocument(Row):
    """A row of `collection_files/list_of_document`."""

    __slots__ = ()

    collection_id: UUID = column("collection_id")


class CollectionFilesListSplit(Row):
    """A row of `collection_files/list_split`."""

    __slots__ = ()

    document_id: UUID = column("document_id")
    file_type: str = column("file_type")


class CollectionReadersList(Row):
    """A row of `collection_readers/add`, `collection_readers/list`."""

    __slots__ = ()

    id: UUID = column("id")
    reader_id: UUID | None = column("reader_id")
    created_at: datetime = column("created_at")


class CollectionReadersFindDocument(Row):
    """A row of `collection_readers/find_chunk`, `collection_readers/find_document`."""

    __slots__ = ()

    owner_id: UUID = column("owner_id")
    share_id: UUID = column("share_id")
    seq: UUID = column("seq")
    collection_id: UUID = column("collection_id")
    reading_id: UUID = column("reading_id")


class CollectionReadersFindChunks(Row):
    """A row of `collection_readers/find_chunks`."""

    __slots__ = ()

    chunk_id: UUID = column("chunk_id")
    owner_id: UUID = column("owner_id")
    document_id: UUID = column("document_id")
    chunk_index: int = column("chunk_index")


class CollectionReadersFindCited(Row):
    """A row of `collection_readers/find_cited`."""

    __slots__ = ()

    chunk_id: UUID = column("chunk_id")
    owner_id: UUID = column("owner_id")
    share_id: UUID = column("share_id")
    seq: UUID = column("seq")


class CollectionReadersFindCollections(Row):
    """A row of `collection_readers/find_collections`."""

    __slots__ = ()

    collection_id: UUID = column("collection_id")
    owner_id: UUID = column("owner_id")
    share_id: UUID = column("share_id")
    chunk_count: int = column("chunk_count")
    has_index: bool = column("has_index")


class CollectionsGet(Row):
    """A row of `collection_readers/list_collections`, `collections/create`, `collections/get`, `collections/list`."""

    __slots__ = ()

    id: UUID = column("id")
    name: str | None = column("name")
    description: str | None = column("description")
    metadata: Json = column("metadata")
    chunking: Json | None = column("chunking")
    expires_after_s: int | None = column("expires_after_s")
    expires_at: datetime | None = column("expires_at")
    last_active_at: datetime = column("last_active_at")
    created_at: datetime = column("created_at")
    updated_at: datetime = column("updated_at")
    processing_count: int = column("processing_count")
    ready_count: int = column("ready_count")
    error_count: int = column("error_count")
    cancelled_count: int = column("cancelled_count")
    file_bytes: int = column("file_bytes")
    ready_bytes: int = column("ready_bytes")
    is_counted: bool = column("is_counted")


class CollectionsListExpired(Row):
    """A row of `collections/list_expired`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    id: UUID = column("id")


class CollectionsTouch(Row):
    """A row of `collections/touch`."""

    __slots__ = ()

    id: UUID = column("id")


class ConversationsGet(Row):
    """A row of `conversations/create`, `conversations/get`, `conversations/list`, `conversations/list_matching`,
    `conversations/update`."""

    __slots__ = ()

    id: UUID = column("id")
    title: str | None = column("title")
    document_ids: list[UUID] = column("document_ids")
    metadata: Json = column("metadata")
    message_count: int = column("message_count")
    expires_at: datetime | None = column("expires_at")
    created_at: datetime = column("created_at")
    updated_at: datetime = column("updated_at")
    collection_ids: list[UUID] | None = column("collection_ids")


class ConversationsEraseMessages(Row):
    """A row of `conversations/erase_messages`."""

    __slots__ = ()

    messages: int = column("messages")
    message_vectors: int = column("message_vectors")
    message_terms: int = column("message_terms")


class ConversationsListExpired(Row):
    """A row of `conversations/list_expired`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    id: UUID = column("id")
    part_count: int = column("part_count")


class ConversationsListWithRecent(ConversationsGet):
    """A row of `conversations/list_with_recent`."""

    __slots__ = ()

    messages: Json = column("messages")
    has_more: bool = column("has_more")


class DoctorDanglingFiles(Row):
    """A row of `doctor/dangling_files`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    collection_id: UUID = column("collection_id")
    file_id: UUID = column("file_id")
    lacks_collection: bool = column("lacks_collection")
    fix: str = column("fix")


class DoctorDanglingKeys(Row):
    """A row of `doctor/dangling_keys`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    key_id: UUID = column("key_id")
    collection_id: UUID = column("collection_id")
    fix: str = column("fix")


class DoctorDanglingReaders(Row):
    """A row of `doctor/dangling_readers`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    collection_id: UUID = column("collection_id")
    reader_id: UUID | None = column("reader_id")
    lacks_collection: bool = column("lacks_collection")
    fix: str = column("fix")


class DoctorDocumentsWithoutJob(Row):
    """A row of `doctor/documents_without_job`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    document_id: UUID = column("document_id")
    processing_s: float = column("processing_s")
    fix: str = column("fix")


class DoctorForeignKeysWithoutIndex(Row):
    """A row of `doctor/foreign_keys_without_index`."""

    __slots__ = ()

    table_name: str = column("table_name")
    constraint_name: str = column("constraint_name")
    column_names: str = column("column_names")
    fix: str = column("fix")


class DoctorIndexes(Row):
    """A row of `doctor/indexes`."""

    __slots__ = ()

    table_name: str = column("table_name")
    index_name: str = column("index_name")
    method: str = column("method")
    is_valid: bool = column("is_valid")
    is_unique: bool = column("is_unique")
    is_constraint: bool = column("is_constraint")
    is_building: bool = column("is_building")
    size_bytes: int = column("size_bytes")
    scans: int = column("scans")
    table_scans: int = column("table_scans")
    key_columns: str = column("key_columns")
    rest: str = column("rest")
    rebuild: str = column("rebuild")
    remove: str = column("remove")


class DoctorJobsWithoutWork(Row):
    """A row of `doctor/jobs_without_work`."""

    __slots__ = ()

    queue: str = column("queue")
    user_id: UUID = column("user_id")
    id: UUID = column("id")
    overdue_s: float = column("overdue_s")


class DoctorLeftOver(Row):
    """A row of `doctor/left_over`."""

    __slots__ = ()

    documents: int = column("documents")
    oldest_s: float = column("oldest_s")


class DoctorMessageTenants(Row):
    """A row of `doctor/message_tenants`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    counted: int = column("counted")


class DoctorQueues(Row):
    """A row of `doctor/queues`."""

    __slots__ = ()

    queue: str = column("queue")
    jobs: int = column("jobs")
    waiting_s: float = column("waiting_s")
    abandoned: int = column("abandoned")
    abandoned_s: float = column("abandoned_s")


class DoctorSampleLane(Row):
    """A row of `doctor/sample_lane`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    chunk_count: int = column("chunk_count")


class DoctorSampleMessageVectors(Row):
    """A row of `doctor/sample_message_vectors`."""

    __slots__ = ()

    conversation_id: UUID = column("conversation_id")
    embedding: HalfVector = column("embedding")


class DoctorSampleTenants(Row):
    """A row of `doctor/sample_tenants`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    chunk_count: int = column("chunk_count")
    has_index: bool = column("has_index")


class DoctorSampleVectors(Row):
    """A row of `doctor/sample_vectors`."""

    __slots__ = ()

    chunk_id: UUID = column("chunk_id")
    embedding: HalfVector = column("embedding")


class DoctorServer(Row):
    """A row of `doctor/server`."""

    __slots__ = ()

    server_version_num: int = column("server_version_num")
    server_version: str = column("server_version")
    vector_version: str | None = column("vector_version")
    vector_available: str | None = column("vector_available")
    database_name: str = column("database_name")
    user_name: str = column("user_name")
    is_superuser: bool = column("is_superuser")
    is_replica: bool = column("is_replica")
    up_s: float = column("up_s")
    create_vector: str = column("create_vector")
    update_vector: str = column("update_vector")


class DoctorSessions(Row):
    """A row of `doctor/sessions`."""

    __slots__ = ()

    pid: int = column("pid")
    application_name: str = column("application_name")
    user_name: str = column("user_name")
    is_superuser: bool = column("is_superuser")
    is_owner: bool | None = column("is_owner")
    state: str | None = column("state")
    statement: str | None = column("statement")
    state_s: float | None = column("state_s")
    transaction_s: float | None = column("transaction_s")
    blocked_by: list[int] = column("blocked_by")
    cancel: str = column("cancel")
    terminate: str = column("terminate")


class DoctorSettings(Row):
    """A row of `doctor/settings`."""

    __slots__ = ()

    name: str = column("name")
    setting: str = column("setting")
    unit: str | None = column("unit")
    source: str = column("source")


class DoctorTables(Row):
    """A row of `doctor/tables`."""

    __slots__ = ()

    table_name: str = column("table_name")
    pages: int = column("pages")
    visible_pages: int = column("visible_pages")
    counted_rows: float = column("counted_rows")
    live_rows: int = column("live_rows")
    dead_rows: int = column("dead_rows")
    vacuumed_at: datetime | None = column("vacuumed_at")
    analyzed_at: datetime | None = column("analyzed_at")
    is_autovacuumed: bool = column("is_autovacuumed")
    xid_age: int = column("xid_age")
    multixact_age: int = column("multixact_age")
    vacuum: str = column("vacuum")
    vacuum_freeze: str = column("vacuum_freeze")
    enable: str = column("enable")


class DoctorTerms(Row):
    """A row of `doctor/terms`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    chunks: int = column("chunks")
    with_terms: int = column("with_terms")
    sampled_count: int = column("sampled_count")
    is_waiting: bool = column("is_waiting")
    fix: str = column("fix")


class DoctorUnownedContents(Row):
    """A row of `doctor/unowned_contents`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    document_id: UUID = column("document_id")
    fix: str = column("fix")


class DoctorVectorRange(Row):
    """A row of `doctor/vector_range`."""

    __slots__ = ()

    first_id: UUID | None = column("first_id")
    last_id: UUID | None = column("last_id")


class DoctorWrongChunkCounts(Row):
    """A row of `doctor/wrong_chunk_counts`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    document_id: UUID = column("document_id")
    noted: int = column("noted")
    chunks: int = column("chunks")
    vectors: int = column("vectors")
    fix: str = column("fix")


class DoctorWrongChunkTotals(Row):
    """A row of `doctor/wrong_chunk_totals`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    noted: int = column("noted")
    counted: int = column("counted")
    fix: str = column("fix")


class DoctorWrongConversationTotals(Row):
    """A row of `doctor/wrong_conversation_totals`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    noted: int = column("noted")
    counted: int = column("counted")
    noted_messages: int = column("noted_messages")
    counted_messages: int = column("counted_messages")
    noted_keys: int = column("noted_keys")
    counted_keys: int = column("counted_keys")


class DoctorWrongDocumentTotals(Row):
    """A row of `doctor/wrong_document_totals`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    noted: int = column("noted")
    counted: int = column("counted")
    noted_bytes: int = column("noted_bytes")
    counted_bytes: int = column("counted_bytes")


class DoctorWrongExpiries(Row):
    """A row of `doctor/wrong_expiries`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    collection_id: UUID = column("collection_id")
    fix: str = column("fix")


class DoctorWrongFileParts(Row):
    """A row of `doctor/wrong_file_parts`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    document_id: UUID = column("document_id")
    file_size: int = column("file_size")
    stored_bytes: int = column("stored_bytes")


class DoctorWrongMessageCounts(Row):
    """A row of `doctor/wrong_message_counts`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    conversation_id: UUID = column("conversation_id")
    noted: int = column("noted")
    counted: int = column("counted")
    fix: str = column("fix")


class DocumentsContent(Row):
    """A row of `documents/content`."""

    __slots__ = ()

    filename: str = column("filename")
    content_hash: UUID = column("content_hash")
    file_bytes: int = column("file_bytes")
    content: bytes = column("content")


class DocumentsGet(Row):
    """A row of `documents/create`, `documents/find_same`, `documents/get`, `documents/list`,
    `documents/list_by_status`, `documents/list_files`, `documents/list_matching`, `documents/list_readings`,
    `documents/put_content`, `documents/rechunk`, `documents/retry`, `documents/update`."""

    __slots__ = ()

    id: UUID = column("id")
    filename: str = column("filename")
    file_type: str = column("file_type")
    file_size: int = column("file_size")
    purpose: str | None = column("purpose")
    status: str = column("status")
    error: str | None = column("error")
    attempt: int = column("attempt")
    lease_expires_at: datetime | None = column("lease_expires_at")
    progress: float = column("progress")
    chunk_count: int = column("chunk_count")
    warnings: Json = column("warnings")
    metadata: Json = column("metadata")
    expires_at: datetime | None = column("expires_at")
    created_at: datetime = column("created_at")
    updated_at: datetime = column("updated_at")


class DocumentsEraseLeftOver(Row):
    """A row of `documents/erase_left_over`."""

    __slots__ = ()

    chunks: int = column("chunks")
    chunk_vectors: int = column("chunk_vectors")
    chunk_terms: int = column("chunk_terms")
    file_parts: int = column("file_parts")
    document_contents: int = column("document_contents")


class DocumentsFindReadings(Row):
    """A row of `documents/find_readings`."""

    __slots__ = ()

    id: UUID = column("id")


class DocumentsHold(Row):
    """A row of `documents/hold`."""

    __slots__ = ()

    id: UUID = column("id")
    chunk_count: int = column("chunk_count")
    file_size: int = column("file_size")


class DocumentsHoldExpired(Row):
    """A row of `documents/hold_expired`."""

    __slots__ = ()

    id: UUID = column("id")


class DocumentsHoldMatching(Row):
    """A row of `documents/hold_matching`."""

    __slots__ = ()

    id: UUID = column("id")


class DocumentsListExpired(Row):
    """A row of `documents/list_expired`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    id: UUID = column("id")
    part_count: int = column("part_count")


class DocumentsListLeftOver(Row):
    """A row of `documents/list_left_over`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    document_id: UUID = column("document_id")


class DocumentsMergeMetadataMany(Row):
    """A row of `documents/merge_metadata_many`."""

    __slots__ = ()

    updated: int = column("updated")
    too_large: UUID | None = column("too_large")
    last_id: UUID | None = column("last_id")


class ExportApiKeys(Row):
    """A row of `export/api_keys`."""

    __slots__ = ()

    id: UUID = column("id")
    name: str | None = column("name")
    prefix: str = column("prefix")
    scopes: list[str] = column("scopes")
    collection_id: UUID | None = column("collection_id")
    created_at: datetime = column("created_at")
    expires_at: datetime | None = column("expires_at")
    revoked_at: datetime | None = column("revoked_at")
    last_used_at: datetime | None = column("last_used_at")


class ExportChunkVectors(Row):
    """A row of `export/chunk_vectors`."""

    __slots__ = ()

    chunk_id: UUID = column("chunk_id")
    document_id: UUID = column("document_id")
    embedding: HalfVector = column("embedding")
    signature: bytes = column("signature")


class ExportChunks(Row):
    """A row of `export/chunks`."""

    __slots__ = ()

    document_attempt: int = column("document_attempt")
    id: UUID = column("id")
    document_id: UUID = column("document_id")
    chunk_index: int = column("chunk_index")
    content: str = column("content")
    content_hash: UUID = column("content_hash")
    token_count: int = column("token_count")
    metadata: Json = column("metadata")
    created_at: datetime = column("created_at")


class ExportCollectionFiles(Row):
    """A row of `export/collection_files`."""

    __slots__ = ()

    collection_id: UUID = column("collection_id")
    file_id: UUID = column("file_id")
    document_id: UUID = column("document_id")
    batch_id: UUID | None = column("batch_id")
    seq: UUID = column("seq")
    attributes: Json = column("attributes")
    is_cancelled: bool = column("is_cancelled")
    created_at: datetime = column("created_at")
    updated_at: datetime = column("updated_at")
    left_at: datetime | None = column("left_at")


class ExportCollections(Row):
    """A row of `export/collections`."""

    __slots__ = ()

    id: UUID = column("id")
    name: str | None = column("name")
    description: str | None = column("description")
    metadata: Json = column("metadata")
    chunking: Json | None = column("chunking")
    expires_after_s: int | None = column("expires_after_s")
    last_active_at: datetime = column("last_active_at")
    expires_at: datetime | None = column("expires_at")
    expired_at: datetime | None = column("expired_at")
    created_at: datetime = column("created_at")
    updated_at: datetime = column("updated_at")


class ExportConversationDocuments(Row):
    """A row of `export/conversation_documents`."""

    __slots__ = ()

    conversation_id: UUID = column("conversation_id")
    document_id: UUID = column("document_id")


class ExportConversations(Row):
    """A row of `export/conversations`."""

    __slots__ = ()

    id: UUID = column("id")
    title: str | None = column("title")
    metadata: Json = column("metadata")
    message_count: int = column("message_count")
    deleted_message_count: int = column("deleted_message_count")
    expires_at: datetime | None = column("expires_at")
    created_at: datetime = column("created_at")
    updated_at: datetime = column("updated_at")
    collection_ids: list[UUID] | None = column("collection_ids")


class ExportDocumentContents(Row):
    """A row of `export/document_contents`."""

    __slots__ = ()

    document_id: UUID = column("document_id")
    content: bytes = column("content")
    charset: str | None = column("charset")


class ExportDocuments(Row):
    """A row of `export/documents`."""

    __slots__ = ()

    id: UUID = column("id")
    filename: str = column("filename")
    file_type: str = column("file_type")
    file_size: int = column("file_size")
    purpose: str | None = column("purpose")
    status: str = column("status")
    error: str | None = column("error")
    attempt: int = column("attempt")
    lease_expires_at: datetime | None = column("lease_expires_at")
    progress: float = column("progress")
    chunk_count: int = column("chunk_count")
    chunk_sizes: Json | None = column("chunk_sizes")
    warnings: Json = column("warnings")
    metadata: Json = column("metadata")
    content_hash: UUID = column("content_hash")
    has_new_content: bool = column("has_new_content")
    replaces: str | None = column("replaces")
    expires_at: datetime | None = column("expires_at")
    created_at: datetime = column("created_at")
    updated_at: datetime = column("updated_at")
    file_id: UUID | None = column("file_id")


class ExportFileBatches(Row):
    """A row of `export/file_batches`."""

    __slots__ = ()

    collection_id: UUID = column("collection_id")
    id: UUID = column("id")
    created_at: datetime = column("created_at")
    cancelled_at: datetime | None = column("cancelled_at")


class ExportFileParts(Row):
    """A row of `export/file_parts`."""

    __slots__ = ()

    document_id: UUID = column("document_id")
    first_byte: int = column("first_byte")
    content: bytes = column("content")


class ExportMessageVectors(Row):
    """A row of `export/message_vectors`."""

    __slots__ = ()

    conversation_id: UUID = column("conversation_id")
    position: int = column("position")
    piece: int = column("piece")
    role: str = column("role")
    created_at: datetime = column("created_at")
    embedding: HalfVector = column("embedding")
    signature: bytes = column("signature")


class ExportMessages(Row):
    """A row of `export/messages`."""

    __slots__ = ()

    conversation_id: UUID = column("conversation_id")
    position: int = column("position")
    id: UUID = column("id")
    role: str = column("role")
    content: str | None = column("content")
    parts: Json | None = column("parts")
    tool_calls: Json | None = column("tool_calls")
    tool_call_id: str | None = column("tool_call_id")
    name: str | None = column("name")
    metadata: Json = column("metadata")
    sources: Json = column("sources")
    token_count: int = column("token_count")
    created_at: datetime = column("created_at")
    edited_at: datetime | None = column("edited_at")
    item: Json | None = column("item")


class ExportUsageDays(Row):
    """A row of `export/usage_days`."""

    __slots__ = ()

    day: date = column("day")
    slot: int = column("slot")
    requests: int = column("requests")
    searches: int = column("searches")
    uploads: int = column("uploads")
    bytes: int = column("bytes")
    messages: int = column("messages")
    tokens: int = column("tokens")


class FileBatchesCreate(Row):
    """A row of `file_batches/create`."""

    __slots__ = ()

    id: UUID = column("id")
    created_at: datetime = column("created_at")


class FileBatchesGet(Row):
    """A row of `file_batches/get`."""

    __slots__ = ()

    id: UUID = column("id")
    collection_id: UUID = column("collection_id")
    created_at: datetime = column("created_at")
    cancelled_at: datetime | None = column("cancelled_at")
    processing_count: int = column("processing_count")
    ready_count: int = column("ready_count")
    error_count: int = column("error_count")
    cancelled_count: int = column("cancelled_count")
    file_bytes: int = column("file_bytes")
    ready_bytes: int = column("ready_bytes")
    is_counted: bool = column("is_counted")


class IdempotencyGet(Row):
    """A row of `idempotency/get`."""

    __slots__ = ()

    request_digest: bytes = column("request_digest")
    result: Json | None = column("result")


class IdempotencyListExpired(Row):
    """A row of `idempotency/list_expired`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    route: str = column("route")
    key: str = column("key")


class IndexesList(Row):
    """A row of `indexes/list`."""

    __slots__ = ()

    user_id: UUID | None = column("user_id")
    chunk_count: int | None = column("chunk_count")
    has_index: bool = column("has_index")
    index_name: str | None = column("index_name")
    is_valid: bool = column("is_valid")
    size_bytes: int = column("size_bytes")


class IndexesProgress(Row):
    """A row of `indexes/progress`."""

    __slots__ = ()

    phase: str = column("phase")
    done: int = column("done")
    total: int = column("total")


class IngestChunkIds(Row):
    """A row of `ingest/chunk_ids`."""

    __slots__ = ()

    id: UUID = column("id")


class IngestClaim(Row):
    """A row of `ingest/claim`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    document_id: UUID = column("document_id")
    attempt: int = column("attempt")
    tries: int = column("tries")
    interruptions: int = column("interruptions")
    turn: UUID = column("turn")


class IngestComplete(Row):
    """A row of `ingest/complete`."""

    __slots__ = ()

    replaces: str | None = column("replaces")
    earlier_chunks: int = column("earlier_chunks")


class IngestKnownVectors(Row):
    """A row of `ingest/known_vectors`."""

    __slots__ = ()

    content_hash: UUID = column("content_hash")
    embedding: HalfVector = column("embedding")


class IngestReplace(Row):
    """A row of `ingest/replace`."""

    __slots__ = ()

    id: UUID = column("id")


class IngestStart(Row):
    """A row of `ingest/start`."""

    __slots__ = ()

    filename: str = column("filename")
    file_type: str = column("file_type")
    file_size: int = column("file_size")
    content: bytes = column("content")
    charset: str | None = column("charset")
    chunk_sizes: Json | None = column("chunk_sizes")
    chunks_used: int = column("chunks_used")
    chunks_allowed: int | None = column("chunks_allowed")
    tokens_used: int = column("tokens_used")
    tokens_allowed: int | None = column("tokens_allowed")
    content_id: UUID = column("content_id")


class ItemsList(Row):
    """A row of `items/get`, `items/list`."""

    __slots__ = ()

    id: UUID = column("id")
    position: int = column("position")
    role: str = column("role")
    content: str | None = column("content")
    parts: Json | None = column("parts")
    tool_calls: Json | None = column("tool_calls")
    tool_call_id: str | None = column("tool_call_id")
    name: str | None = column("name")
    item: Json | None = column("item")


class JobsEndStalled(Row):
    """A row of `jobs/end_stalled`."""

    __slots__ = ()

    pid: int = column("pid")
    statement: str | None = column("statement")
    silent_s: float = column("silent_s")
    is_ended: bool = column("is_ended")


class JobsLimitTransaction(Row):
    """A row of `jobs/limit_transaction`."""

    __slots__ = ()

    lock_timeout: str = column("lock_timeout")
    idle_timeout: str = column("idle_timeout")
    transaction_timeout: str | None = column("transaction_timeout")
    plan_mode: str | None = column("plan_mode")


class KeysAuthenticate(Row):
    """A row of `keys/authenticate`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    key_id: UUID = column("key_id")
    expires_at: datetime | None = column("expires_at")
    scopes: list[str] = column("scopes")
    collection_id: UUID | None = column("collection_id")
    chunk_count: int = column("chunk_count")
    has_index: bool = column("has_index")
    requests_per_minute: int | None = column("requests_per_minute")
    tokens_used: int = column("tokens_used")
    tokens_allowed: int | None = column("tokens_allowed")


class KeysList(Row):
    """A row of `keys/create`, `keys/get`, `keys/get_to_change`, `keys/list`."""

    __slots__ = ()

    id: UUID = column("id")
    name: str | None = column("name")
    prefix: str = column("prefix")
    scopes: list[str] = column("scopes")
    collection_id: UUID | None = column("collection_id")
    created_at: datetime = column("created_at")
    expires_at: datetime | None = column("expires_at")
    revoked_at: datetime | None = column("revoked_at")
    last_used_at: datetime | None = column("last_used_at")


class KeysTenant(Row):
    """A row of `keys/tenant`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    chunk_count: int = column("chunk_count")
    has_index: bool = column("has_index")
    requests_per_minute: int | None = column("requests_per_minute")
    tokens_used: int = column("tokens_used")
    tokens_allowed: int | None = column("tokens_allowed")


class MessageJobsClaim(Row):
    """A row of `message_jobs/claim`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    conversation_id: UUID = column("conversation_id")
    tries: int = column("tries")
    interruptions: int = column("interruptions")
    turn: UUID = column("turn")


class MessageJobsPending(Row):
    """A row of `message_jobs/pending`."""

    __slots__ = ()

    position: int = column("position")
    role: str = column("role")
    content: str = column("content")
    created_at: datetime = column("created_at")
    name: str | None = column("name")
    metadata: Json = column("metadata")


class MessageJobsStart(Row):
    """A row of `message_jobs/start`."""

    __slots__ = ()

    position: int = column("position")
    tokens_used: int = column("tokens_used")
    tokens_allowed: int | None = column("tokens_allowed")


class MessagesList(Row):
    """A row of `messages/append`, `messages/get`, `messages/list`, `messages/update`."""

    __slots__ = ()

    id: UUID = column("id")
    conversation_id: UUID = column("conversation_id")
    position: int = column("position")
    role: str = column("role")
    content: str | None = column("content")
    parts: Json | None = column("parts")
    tool_calls: Json | None = column("tool_calls")
    tool_call_id: str | None = column("tool_call_id")
    name: str | None = column("name")
    metadata: Json = column("metadata")
    sources: Json = column("sources")
    token_count: int = column("token_count")
    created_at: datetime = column("created_at")
    edited_at: datetime | None = column("edited_at")


class MessageSearchBits(MessagesList):
    """A row of `message_search/bits`, `message_search/exact`."""

    __slots__ = ()

    similarity: float = column("similarity")
    distance: float = column("distance")


class MessageSearchHybridBits(MessagesList):
    """A row of `message_search/hybrid_bits`, `message_search/hybrid_exact`."""

    __slots__ = ()

    similarity: float = column("similarity")
    distance: float = column("distance")
    keyword_score: float = column("keyword_score")
    score: float = column("score")


class MessageSearchKeyword(MessagesList):
    """A row of `message_search/keyword`."""

    __slots__ = ()

    keyword_score: float = column("keyword_score")


class MessageSearchNeighbours(MessagesList):
    """A row of `message_search/neighbours`."""

    __slots__ = ()

    rank: int = column("rank")


class MessagesContext(MessagesList):
    """A row of `messages/context`."""

    __slots__ = ()

    message_count: int = column("message_count")
    document_ids: list[UUID] = column("document_ids")
    collection_ids: list[UUID] | None = column("collection_ids")


class MessagesListStaleSources(Row):
    """A row of `messages/list_stale_sources`."""

    __slots__ = ()

    chunk_id: UUID = column("chunk_id")
    is_deleted: bool = column("is_deleted")


class PlansGet(Row):
    """A row of `plans/create`, `plans/get`, `plans/get_to_change`, `plans/list`, `plans/set`."""

    __slots__ = ()

    name: str = column("name")
    max_documents: int | None = column("max_documents")
    max_chunks: int | None = column("max_chunks")
    max_bytes: int | None = column("max_bytes")
    max_conversations: int | None = column("max_conversations")
    max_messages: int | None = column("max_messages")
    max_keys: int | None = column("max_keys")
    tokens_per_month: int | None = column("tokens_per_month")
    requests_per_minute: int | None = column("requests_per_minute")
    updated_at: datetime = column("updated_at")


class PoliciesTables(Row):
    """A row of `policies/tables`."""

    __slots__ = ()

    table_name: str = column("table_name")
    tenant_column: str = column("tenant_column")
    is_enabled: bool = column("is_enabled")
    is_forced: bool = column("is_forced")
    has_policy: bool = column("has_policy")
    other_policies: int = column("other_policies")
    is_active: bool = column("is_active")


class SamplesChunks(Row):
    """A row of `samples/chunks`."""

    __slots__ = ()

    chunk_ids: str | None = column("chunk_ids")
    document_ids: str | None = column("document_ids")
    owner_ids: str | None = column("owner_ids")
    content_hashes: str | None = column("content_hashes")
    chunk_id: str | None = column("chunk_id")


class SamplesCollection(Row):
    """A row of `samples/collection`."""

    __slots__ = ()

    collection_id: str = column("collection_id")
    collection_ids: str = column("collection_ids")
    batch_id: str | None = column("batch_id")
    document_id: str = column("document_id")
    document_ids: str = column("document_ids")
    files: str = column("files")


class SamplesConversation(Row):
    """A row of `samples/conversation`."""

    __slots__ = ()

    conversation_id: str = column("conversation_id")
    conversation_ids: str = column("conversation_ids")
    middle: str = column("middle")


class SamplesDocument(Row):
    """A row of `samples/document`."""

    __slots__ = ()

    document_id: str = column("document_id")
    document_ids: str = column("document_ids")


class SamplesFailedDocument(Row):
    """A row of `samples/failed_document`."""

    __slots__ = ()

    document_id: str = column("document_id")


class SamplesIdempotencyKey(Row):
    """A row of `samples/idempotency_key`."""

    __slots__ = ()

    route: str = column("route")
    key: str = column("key")
    request_digest: str = column("request_digest")


class SamplesIndexedTenant(Row):
    """A row of `samples/indexed_tenant`."""

    __slots__ = ()

    user_id: str = column("user_id")


class SamplesJob(Row):
    """A row of `samples/job`."""

    __slots__ = ()

    document_id: str = column("document_id")
    attempt: str = column("attempt")


class SamplesKey(Row):
    """A row of `samples/key`."""

    __slots__ = ()

    key_id: str = column("key_id")
    key_hash: str = column("key_hash")


class SamplesMessage(Row):
    """A row of `samples/message`."""

    __slots__ = ()

    conversation_id: str = column("conversation_id")
    message_id: str = column("message_id")
    position: str = column("position")


class SamplesMessageJob(Row):
    """A row of `samples/message_job`."""

    __slots__ = ()

    conversation_id: str = column("conversation_id")
    lease: str | None = column("lease")


class SamplesMessageTerms(Row):
    """A row of `samples/message_terms`."""

    __slots__ = ()

    term_keys: str = column("term_keys")
    weights: str = column("weights")
    conversation_ids: str = column("conversation_ids")
    positions: str = column("positions")


class SamplesMessageVector(Row):
    """A row of `samples/message_vector`."""

    __slots__ = ()

    conversation_id: str = column("conversation_id")
    embedding: str = column("embedding")
    signature: str = column("signature")


class SamplesReader(Row):
    """A row of `samples/reader`."""

    __slots__ = ()

    id: str = column("id")
    reader_id: str = column("reader_id")


class SamplesSmallTenant(Row):
    """A row of `samples/small_tenant`."""

    __slots__ = ()

    user_id: str = column("user_id")


class SamplesTenant(Row):
    """A row of `samples/tenant`."""

    __slots__ = ()

    user_id: str | None = column("user_id")
    user_ids: str = column("user_ids")


class SamplesTerms(Row):
    """A row of `samples/terms`."""

    __slots__ = ()

    term_keys: str = column("term_keys")
    weights: str = column("weights")


class SamplesVector(Row):
    """A row of `samples/vector`."""

    __slots__ = ()

    embedding: str = column("embedding")
    signature: str = column("signature")


class SearchExact(Row):
    """A row of `search/bits`, `search/bits_all`, `search/exact`, `search/exact_all`, `search/index`."""

    __slots__ = ()

    chunk_id: UUID = column("chunk_id")
    document_id: UUID = column("document_id")
    filename: str = column("filename")
    chunk_index: int = column("chunk_index")
    content: str = column("content")
    token_count: int = column("token_count")
    document_metadata: Json = column("document_metadata")
    chunk_metadata: Json = column("chunk_metadata")
    reading_id: UUID = column("reading_id")
    similarity: float = column("similarity")
    distance: float = column("distance")


class SearchHybridExact(Row):
    """A row of `search/hybrid_bits`, `search/hybrid_bits_all`, `search/hybrid_exact`, `search/hybrid_exact_all`."""

    __slots__ = ()

    chunk_id: UUID = column("chunk_id")
    document_id: UUID = column("document_id")
    filename: str = column("filename")
    chunk_index: int = column("chunk_index")
    content: str = column("content")
    token_count: int = column("token_count")
    document_metadata: Json = column("document_metadata")
    chunk_metadata: Json = column("chunk_metadata")
    reading_id: UUID = column("reading_id")
    similarity: float = column("similarity")
    distance: float = column("distance")
    keyword_score: float = column("keyword_score")
    score: float = column("score")


class SearchHybridIndex(SearchHybridExact):
    """A row of `search/hybrid_index`."""

    __slots__ = ()

    lane: str = column("lane")


class SearchIndexFiltered(SearchExact):
    """A row of `search/index_filtered`."""

    __slots__ = ()

    lane: str = column("lane")


class SearchKeyword(Row):
    """A row of `search/keyword`, `search/keyword_all`."""

    __slots__ = ()

    chunk_id: UUID = column("chunk_id")
    document_id: UUID = column("document_id")
    filename: str = column("filename")
    chunk_index: int = column("chunk_index")
    content: str = column("content")
    token_count: int = column("token_count")
    document_metadata: Json = column("document_metadata")
    chunk_metadata: Json = column("chunk_metadata")
    reading_id: UUID = column("reading_id")
    keyword_score: float = column("keyword_score")


class SearchTermShares(Row):
    """A row of `search/term_shares`."""

    __slots__ = ()

    text_count: int = column("text_count")
    other_share: float = column("other_share")
    sampled_at: datetime = column("sampled_at")
    terms: bytes | None = column("terms")
    shares: bytes | None = column("shares")


class ServerAppliedMigrations(Row):
    """A row of `server/applied_migrations`."""

    __slots__ = ()

    id: str = column("id")
    applied_at: datetime = column("applied_at")
    checksum: str = column("checksum")


class ServerArchiver(Row):
    """A row of `server/archiver`."""

    __slots__ = ()

    is_on: bool = column("is_on")
    archived_at: datetime | None = column("archived_at")
    failed_at: datetime | None = column("failed_at")


class ServerCurrentModel(Row):
    """A row of `server/current_model`."""

    __slots__ = ()

    model: str = column("model")
    dimensions: int = column("dimensions")


class ServerDatabase(Row):
    """A row of `server/database`."""

    __slots__ = ()

    database_name: str = column("database_name")
    encoding: str = column("encoding")
    is_standby: bool = column("is_standby")
    is_read_only: bool = column("is_read_only")
    search_path: str = column("search_path")
    vector_schema: str | None = column("vector_schema")
    is_vector_found: bool = column("is_vector_found")


class ServerHealth(Row):
    """A row of `server/health`."""

    __slots__ = ()

    queued: int = column("queued")
    overdue_s: float = column("overdue_s")
    conversations_queued: int = column("conversations_queued")


class ServerMigratingSession(Row):
    """A row of `server/migrating_session`."""

    __slots__ = ()

    pid: int = column("pid")
    application: str | None = column("application")
    seconds: float | None = column("seconds")


class ServerMigrationBlockers(Row):
    """A row of `server/migration_blockers`."""

    __slots__ = ()

    pid: int = column("pid")
    application: str = column("application")
    state: str = column("state")
    statement: str | None = column("statement")
    seconds: float | None = column("seconds")


class ServerQueues(Row):
    """A row of `server/queues`."""

    __slots__ = ()

    queue: str = column("queue")
    plan: str = column("plan")
    jobs: int = column("jobs")
    overdue_s: float = column("overdue_s")
    expired_leases: int = column("expired_leases")


class ServerRole(Row):
    """A row of `server/role`."""

    __slots__ = ()

    name: str = column("name")
    is_superuser: bool = column("is_superuser")
    makes_roles: bool = column("makes_roles")
    makes_databases: bool = column("makes_databases")
    owned: int = column("owned")


class ServerSessionSettings(Row):
    """A row of `server/session_settings`."""

    __slots__ = ()

    name: str = column("name")
    setting: str | None = column("setting")


class ServerTableColumns(Row):
    """A row of `server/table_columns`."""

    __slots__ = ()

    name: str = column("name")
    type: str = column("type")


class ServerTableRights(Row):
    """A row of `server/table_rights`."""

    __slots__ = ()

    table_name: str = column("table_name")
    is_there: bool = column("is_there")
    is_granted: bool = column("is_granted")


class ServerVersions(Row):
    """A row of `server/versions`."""

    __slots__ = ()

    server_version_num: int = column("server_version_num")
    server_version: str = column("server_version")
    vector_version: str | None = column("vector_version")


class TermsClaim(Row):
    """A row of `terms/claim`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    chunk_id: UUID | None = column("chunk_id")
    conversation_id: UUID | None = column("conversation_id")
    position: int | None = column("position")


class TermsCountChunks(Row):
    """A row of `terms/count_chunks`."""

    __slots__ = ()

    text_count: int = column("text_count")
    sampled_count: int | None = column("sampled_count")


class TermsCountMessages(Row):
    """A row of `terms/count_messages`."""

    __slots__ = ()

    text_count: int = column("text_count")
    sampled_count: int | None = column("sampled_count")


class TermsListChunks(Row):
    """A row of `terms/list_chunks`."""

    __slots__ = ()

    id: UUID = column("id")
    document_id: UUID = column("document_id")
    metadata: Json = column("metadata")
    content: str | None = column("content")


class TermsListMessages(Row):
    """A row of `terms/list_messages`."""

    __slots__ = ()

    conversation_id: UUID = column("conversation_id")
    position: int = column("position")
    role: str = column("role")
    created_at: datetime = column("created_at")
    name: str | None = column("name")
    metadata: Json = column("metadata")
    content: str | None = column("content")


class TermsStaleSamples(Row):
    """A row of `terms/stale_samples`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    is_stale: bool = column("is_stale")


class UploadPartsContent(Row):
    """A row of `upload_parts/content`."""

    __slots__ = ()

    content: bytes = column("content")


class UploadPartsCreate(Row):
    """A row of `upload_parts/create`."""

    __slots__ = ()

    id: UUID = column("id")
    created_at: datetime = column("created_at")


class UploadPartsList(Row):
    """A row of `upload_parts/list`."""

    __slots__ = ()

    id: UUID = column("id")
    part_bytes: int = column("part_bytes")


class UploadsGet(Row):
    """A row of `uploads/get`."""

    __slots__ = ()

    id: UUID = column("id")
    filename: str = column("filename")
    purpose: str = column("purpose")
    mime_type: str = column("mime_type")
    file_bytes: int = column("file_bytes")
    file_expires_after_s: int | None = column("file_expires_after_s")
    status: str = column("status")
    file_id: UUID | None = column("file_id")
    created_at: datetime = column("created_at")
    expires_at: datetime = column("expires_at")
    is_expired: bool = column("is_expired")
    part_count: int = column("part_count")
    part_bytes: int = column("part_bytes")


class UploadsListExpired(Row):
    """A row of `uploads/list_expired`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    id: UUID = column("id")


class UploadsPending(Row):
    """A row of `uploads/pending`."""

    __slots__ = ()

    pending_count: int = column("pending_count")
    pending_bytes: int = column("pending_bytes")


class UsageByPeriod(Row):
    """A row of `usage/by_period`."""

    __slots__ = ()

    period: date = column("period")
    requests: int = column("requests")
    searches: int = column("searches")
    uploads: int = column("uploads")
    bytes: int = column("bytes")
    messages: int = column("messages")
    tokens: int = column("tokens")


class UsageList(Row):
    """A row of `usage/list`."""

    __slots__ = ()

    user_id: UUID = column("user_id")
    email: str = column("email")
    plan: str = column("plan")
    requests: int = column("requests")
    searches: int = column("searches")
    uploads: int = column("uploads")
    bytes: int = column("bytes")
    messages: int = column("messages")
    tokens: int = column("tokens")
    size: int = column("size")


class UsageQuotas(Row):
    """A row of `usage/quotas`."""

    __slots__ = ()

    plan: str = column("plan")
    documents_used: int = column("documents_used")
    documents_allowed: int | None = column("documents_allowed")
    chunks_used: int = column("chunks_used")
    chunks_allowed: int | None = column("chunks_allowed")
    bytes_used: int = column("bytes_used")
    bytes_allowed: int | None = column("bytes_allowed")
    conversations_used: int = column("conversations_used")
    conversations_allowed: int | None = column("conversations_allowed")
    messages_used: int = column("messages_used")
    messages_allowed: int | None = column("messages_allowed")
    keys_used: int = column("keys_used")
    keys_allowed: int | None = column("keys_allowed")
    tokens_used: int = column("tokens_used")
    tokens_allowed: int | None = column("tokens_allowed")
    requests_per_minute: int | None = column("requests_per_minute")


class UsageRecount(Row):
    """A row of `usage/recount`."""

    __slots__ = ()

    documents: int = column("documents")
    documents_before: int = column("documents_before")
    bytes: int = column("bytes")
    bytes_before: int = column("bytes_before")
    chunks: int = column("chunks")
    chunks_before: int = column("chunks_before")
    conversations: int = column("conversations")
    conversations_before: int = column("conversations_before")
    messages: int = column("messages")
    messages_before: int = column("messages_before")
    api_keys: int = column("api_keys")
    api_keys_before: int = column("api_keys_before")


class UsersGet(Row):
    """A row of `users/create`, `users/find_by_email`, `users/get`, `users/get_to_change`, `users/list`,
    `users/update`."""

    __slots__ = ()

    id: UUID = column("id")
    external_id: str | None = column("external_id")
    email: str = column("email")
    name: str | None = column("name")
    plan: str = column("plan")
    preferences: Json = column("preferences")
    created_at: datetime = column("created_at")
    updated_at: datetime = column("updated_at")


class UsersDelete(Row):
    """A row of `users/delete`."""

    __slots__ = ()

    users: int = column("users")
    api_keys: int = column("api_keys")
    usage_days: int = column("usage_days")
    tenant_totals: int = column("tenant_totals")
    documents: int = column("documents")
    document_contents: int = column("document_contents")
    file_parts: int = column("file_parts")
    chunks: int = column("chunks")
    chunk_vectors: int = column("chunk_vectors")
    chunk_terms: int = column("chunk_terms")
    ingestion_jobs: int = column("ingestion_jobs")
    conversations: int = column("conversations")
    conversation_documents: int = column("conversation_documents")
    messages: int = column("messages")
    message_vectors: int = column("message_vectors")
    message_terms: int = column("message_terms")
    message_jobs: int = column("message_jobs")
    idempotency_keys: int = column("idempotency_keys")
    term_samples: int = column("term_samples")
    term_stats: int = column("term_stats")
    term_jobs: int = column("term_jobs")
    collections: int = column("collections")
    collection_files: int = column("collection_files")
    file_batches: int = column("file_batches")
    collection_readers: int = column("collection_readers")
    uploads: int = column("uploads")
    upload_parts: int = column("upload_parts")
    upload_bytes: int = column("upload_bytes")


class UsersEraseCollections(Row):
    """A row of `users/erase_collections`."""

    __slots__ = ()

    collection_files: int = column("collection_files")
    collection_readers: int = column("collection_readers")
    file_batches: int = column("file_batches")
    collections: int = column("collections")


class UsersEraseConversations(Row):
    """A row of `users/erase_conversations`."""

    __slots__ = ()

    conversations: int = column("conversations")
    conversation_documents: int = column("conversation_documents")
    messages: int = column("messages")
    message_vectors: int = column("message_vectors")
    message_terms: int = column("message_terms")
    message_jobs: int = column("message_jobs")


class UsersEraseDocuments(Row):
    """A row of `users/erase_documents`."""

    __slots__ = ()

    documents: int = column("documents")
    ingestion_jobs: int = column("ingestion_jobs")
    conversation_documents: int = column("conversation_documents")


class UsersEraseUploads(Row):
    """A row of `users/erase_uploads`."""

    __slots__ = ()

    upload_bytes: int = column("upload_bytes")


class UsersFindByExternalId(Row):
    """A row of `users/find_by_external_id`."""

    __slots__ = ()

    id: UUID = column("id")
    external_id: str = column("external_id")
    email: str = column("email")
    name: str | None = column("name")
    plan: str = column("plan")
    preferences: Json = column("preferences")
    created_at: datetime = column("created_at")
    updated_at: datetime = column("updated_at")


class UsersHold(Row):
    """A row of `users/hold`."""

    __slots__ = ()

    document_count: int = column("document_count")
    chunk_count: int = column("chunk_count")
    byte_count: int = column("byte_count")
    conversation_count: int = column("conversation_count")
    message_count: int = column("message_count")
    has_left_over: bool = column("has_left_over")
    has_index: bool = column("has_index")
    collection_count: int = column("collection_count")
    file_count: int = column("file_count")
    reader_count: int = column("reader_count")
    has_upload_bytes: bool = column("has_upload_bytes")


class UsersListLeftOver(Row):
    """A row of `users/list_left_over`."""

    __slots__ = ()

    document_id: UUID = column("document_id")


class ImportChunks(NamedTuple):
    """A row for `import/chunks`."""

    user_id: UUID
    id: UUID
    document_id: UUID
    chunk_index: int
    content: str
    content_hash: UUID
    token_count: int
    metadata: Json
    created_at: datetime


class ImportCollections(NamedTuple):
    """A row for `import/collections`."""

    user_id: UUID
    id: UUID
    name: str | None
    description: str | None
    metadata: Json
    chunking: Json | None
    expires_after_s: int | None
    last_active_at: datetime
    expires_at: datetime | None
    expired_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ImportConversations(NamedTuple):
    """A row for `import/conversations`."""

    user_id: UUID
    id: UUID
    title: str | None
    metadata: Json
    message_count: int
    deleted_message_count: int
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    collection_ids: Sequence[UUID] | None = None


class ImportDocumentContents(NamedTuple):
    """A row for `import/document_contents`."""

    user_id: UUID
    document_id: UUID
    content: bytes
    charset: str | None


class ImportDocuments(NamedTuple):
    """A row for `import/documents`."""

    user_id: UUID
    id: UUID
    filename: str
    file_type: str
    file_size: int
    purpose: str | None
    status: str
    error: str | None
    attempt: int
    lease_expires_at: datetime | None
    progress: float
    chunk_count: int
    chunk_sizes: Json | None
    warnings: Json
    metadata: Json
    content_hash: UUID
    has_new_content: bool
    replaces: str | None
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    file_id: UUID | None = None


class ImportFileBatches(NamedTuple):
    """A row for `import/file_batches`."""

    user_id: UUID
    collection_id: UUID
    id: UUID
    created_at: datetime
    cancelled_at: datetime | None


class ImportFileParts(NamedTuple):
    """A row for `import/file_parts`."""

    user_id: UUID
    document_id: UUID
    first_byte: int
    content: bytes


class ImportMessages(NamedTuple):
    """A row for `import/messages`."""

    user_id: UUID
    conversation_id: UUID
    position: int
    id: UUID
    role: str
    content: str | None
    parts: Json | None
    tool_calls: Json | None
    tool_call_id: str | None
    name: str | None
    metadata: Json
    sources: Json
    token_count: int
    created_at: datetime
    edited_at: datetime | None
    item: Json | None


class ImportUsageDays(NamedTuple):
    """A row for `import/usage_days`."""

    user_id: UUID
    day: date
    slot: int
    requests: int
    searches: int
    uploads: int
    bytes: int
    messages: int
    tokens: int


class IngestWriteChunks(NamedTuple):
    """A row for `ingest/write_chunks`."""

    user_id: UUID
    id: UUID
    document_id: UUID
    chunk_index: int
    content: str
    token_count: int
    metadata: Json
    content_hash: UUID


class IngestWriteTerms(NamedTuple):
    """A row for `ingest/write_terms`."""

    user_id: UUID
    chunk_id: UUID
    document_id: UUID
    keys: Sequence[int]
    weights: bytes


class IngestWriteVectors(NamedTuple):
    """A row for `ingest/write_vectors`."""

    user_id: UUID
    chunk_id: UUID
    document_id: UUID
    embedding: Vector
    signature: bytes


class MessageJobsWriteTerms(NamedTuple):
    """A row for `message_jobs/write_terms`."""

    user_id: UUID
    conversation_id: UUID
    position: int
    role: str
    created_at: datetime
    keys: Sequence[int]
    weights: bytes


class MessageJobsWriteVectors(NamedTuple):
    """A row for `message_jobs/write_vectors`."""

    user_id: UUID
    conversation_id: UUID
    position: int
    piece: int
    role: str
    created_at: datetime
    embedding: Vector
    signature: bytes


ROW_CLASSES: Mapping[str, type[Row]] = {
    "calibration/create_documents": CalibrationCreateDocuments,
    "catalogue/columns": CatalogueColumns,
    "catalogue/foreign_keys": CatalogueForeignKeys,
    "catalogue/indexes": CatalogueIndexes,
    "catalogue/statement_times": CatalogueStatementTimes,
    "catalogue/tables": CatalogueTables,
    "chunks/around": ChunksAround,
    "chunks/get": ChunksGet,
    "chunks/list_by_document": ChunksListByDocument,
    "chunks/list_cited": ChunksListCited,
    "chunks/list_from": ChunksListFrom,
    "collection_files/add": CollectionFilesGet,
    "collection_files/attributes": CollectionFilesAttributes,
    "collection_files/find_document": CollectionFilesFindDocument,
    "collection_files/get": CollectionFilesGet,
    "collection_files/list": CollectionFilesGet,
    "collection_files/list_left": CollectionFilesListLeft,
    "collection_files/list_of_document": CollectionFilesListOfDocument,
    "collection_files/list_split": CollectionFilesListSplit,
    "collection_files/update": CollectionFilesGet,
    "collection_readers/add": CollectionReadersList,
    "collection_readers/find_chunk": CollectionReadersFindDocument,
    "collection_readers/find_chunks": CollectionReadersFindChunks,
    "collection_readers/find_cited": CollectionReadersFindCited,
    "collection_readers/find_collections": CollectionReadersFindCollections,
    "collection_readers/find_document": CollectionReadersFindDocument,
    "collection_readers/list": CollectionReadersList,
    "collection_readers/list_collections": CollectionsGet,
    "collections/create": CollectionsGet,
    "collections/get": CollectionsGet,
    "collections/list": CollectionsGet,
    "collections/list_expired": CollectionsListExpired,
    "collections/touch": CollectionsTouch,
    "conversations/create": ConversationsGet,
    "conversations/erase_messages": ConversationsEraseMessages,
    "conversations/get": ConversationsGet,
    "conversations/list": ConversationsGet,
    "conversations/list_expired": ConversationsListExpired,
    "conversations/list_matching": ConversationsGet,
    "conversations/list_with_recent": ConversationsListWithRecent,
    "conversations/update": ConversationsGet,
    "doctor/dangling_files": DoctorDanglingFiles,
    "doctor/dangling_keys": DoctorDanglingKeys,
    "doctor/dangling_readers": DoctorDanglingReaders,
    "doctor/documents_without_job": DoctorDocumentsWithoutJob,
    "doctor/foreign_keys_without_index": DoctorForeignKeysWithoutIndex,
    "doctor/indexes": DoctorIndexes,
    "doctor/jobs_without_work": DoctorJobsWithoutWork,
    "doctor/left_over": DoctorLeftOver,
    "doctor/message_tenants": DoctorMessageTenants,
    "doctor/queues": DoctorQueues,
    "doctor/sample_lane": DoctorSampleLane,
    "doctor/sample_message_vectors": DoctorSampleMessageVectors,
    "doctor/sample_tenants": DoctorSampleTenants,
    "doctor/sample_vectors": DoctorSampleVectors,
    "doctor/server": DoctorServer,
    "doctor/sessions": DoctorSessions,
    "doctor/settings": DoctorSettings,
    "doctor/tables": DoctorTables,
    "doctor/terms": DoctorTerms,
    "doctor/unowned_contents": DoctorUnownedContents,
    "doctor/vector_range": DoctorVectorRange,
    "doctor/wrong_chunk_counts": DoctorWrongChunkCounts,
    "doctor/wrong_chunk_totals": DoctorWrongChunkTotals,
    "doctor/wrong_conversation_totals": DoctorWrongConversationTotals,
    "doctor/wrong_document_totals": DoctorWrongDocumentTotals,
    "doctor/wrong_expiries": DoctorWrongExpiries,
    "doctor/wrong_file_parts": DoctorWrongFileParts,
    "doctor/wrong_message_counts": DoctorWrongMessageCounts,
    "documents/content": DocumentsContent,
    "documents/create": DocumentsGet,
    "documents/erase_left_over": DocumentsEraseLeftOver,
    "documents/find_readings": DocumentsFindReadings,
    "documents/find_same": DocumentsGet,
    "documents/get": DocumentsGet,
    "documents/hold": DocumentsHold,
    "documents/hold_expired": DocumentsHoldExpired,
    "documents/hold_matching": DocumentsHoldMatching,
    "documents/list": DocumentsGet,
    "documents/list_by_status": DocumentsGet,
    "documents/list_expired": DocumentsListExpired,
    "documents/list_files": DocumentsGet,
    "documents/list_left_over": DocumentsListLeftOver,
    "documents/list_matching": DocumentsGet,
    "documents/list_readings": DocumentsGet,
    "documents/merge_metadata_many": DocumentsMergeMetadataMany,
    "documents/put_content": DocumentsGet,
    "documents/rechunk": DocumentsGet,
    "documents/retry": DocumentsGet,
    "documents/update": DocumentsGet,
    "export/api_keys": ExportApiKeys,
    "export/chunk_vectors": ExportChunkVectors,
    "export/chunks": ExportChunks,
    "export/collection_files": ExportCollectionFiles,
    "export/collections": ExportCollections,
    "export/conversation_documents": ExportConversationDocuments,
    "export/conversations": ExportConversations,
    "export/document_contents": ExportDocumentContents,
    "export/documents": ExportDocuments,
    "export/file_batches": ExportFileBatches,
    "export/file_parts": ExportFileParts,
    "export/message_vectors": ExportMessageVectors,
    "export/messages": ExportMessages,
    "export/usage_days": ExportUsageDays,
    "file_batches/create": FileBatchesCreate,
    "file_batches/get": FileBatchesGet,
    "idempotency/get": IdempotencyGet,
    "idempotency/list_expired": IdempotencyListExpired,
    "indexes/list": IndexesList,
    "indexes/progress": IndexesProgress,
    "ingest/chunk_ids": IngestChunkIds,
    "ingest/claim": IngestClaim,
    "ingest/complete": IngestComplete,
    "ingest/known_vectors": IngestKnownVectors,
    "ingest/replace": IngestReplace,
    "ingest/start": IngestStart,
    "items/get": ItemsList,
    "items/list": ItemsList,
    "jobs/end_stalled": JobsEndStalled,
    "jobs/limit_transaction": JobsLimitTransaction,
    "keys/authenticate": KeysAuthenticate,
    "keys/create": KeysList,
    "keys/get": KeysList,
    "keys/get_to_change": KeysList,
    "keys/list": KeysList,
    "keys/tenant": KeysTenant,
    "message_jobs/claim": MessageJobsClaim,
    "message_jobs/pending": MessageJobsPending,
    "message_jobs/start": MessageJobsStart,
    "message_search/bits": MessageSearchBits,
    "message_search/exact": MessageSearchBits,
    "message_search/hybrid_bits": MessageSearchHybridBits,
    "message_search/hybrid_exact": MessageSearchHybridBits,
    "message_search/keyword": MessageSearchKeyword,
    "message_search/neighbours": MessageSearchNeighbours,
    "messages/append": MessagesList,
    "messages/context": MessagesContext,
    "messages/get": MessagesList,
    "messages/list": MessagesList,
    "messages/list_stale_sources": MessagesListStaleSources,
    "messages/update": MessagesList,
    "plans/create": PlansGet,
    "plans/get": PlansGet,
    "plans/get_to_change": PlansGet,
    "plans/list": PlansGet,
    "plans/set": PlansGet,
    "policies/tables": PoliciesTables,
    "samples/chunks": SamplesChunks,
    "samples/collection": SamplesCollection,
    "samples/conversation": SamplesConversation,
    "samples/document": SamplesDocument,
    "samples/failed_document": SamplesFailedDocument,
    "samples/idempotency_key": SamplesIdempotencyKey,
    "samples/indexed_tenant": SamplesIndexedTenant,
    "samples/job": SamplesJob,
    "samples/key": SamplesKey,
    "samples/message": SamplesMessage,
    "samples/message_job": SamplesMessageJob,
    "samples/message_terms": SamplesMessageTerms,
    "samples/message_vector": SamplesMessageVector,
    "samples/reader": SamplesReader,
    "samples/small_tenant": SamplesSmallTenant,
    "samples/tenant": SamplesTenant,
    "samples/terms": SamplesTerms,
    "samples/vector": SamplesVector,
    "search/bits": SearchExact,
    "search/bits_all": SearchExact,
    "search/exact": SearchExact,
    "search/exact_all": SearchExact,
    "search/hybrid_bits": SearchHybridExact,
    "search/hybrid_bits_all": SearchHybridExact,
    "search/hybrid_exact": SearchHybridExact,
    "search/hybrid_exact_all": SearchHybridExact,
    "search/hybrid_index": SearchHybridIndex,
    "search/index": SearchExact,
    "search/index_filtered": SearchIndexFiltered,
    "search/keyword": SearchKeyword,
    "search/keyword_all": SearchKeyword,
    "search/term_shares": SearchTermShares,
    "server/applied_migrations": ServerAppliedMigrations,
    "server/archiver": ServerArchiver,
    "server/current_model": ServerCurrentModel,
    "server/database": ServerDatabase,
    "server/health": ServerHealth,
    "server/migrating_session": ServerMigratingSession,
    "server/migration_blockers": ServerMigrationBlockers,
    "server/queues": ServerQueues,
    "server/role": ServerRole,
    "server/session_settings": ServerSessionSettings,
    "server/table_columns": ServerTableColumns,
    "server/table_rights": ServerTableRights,
    "server/versions": ServerVersions,
    "terms/claim": TermsClaim,
    "terms/count_chunks": TermsCountChunks,
    "terms/count_messages": TermsCountMessages,
    "terms/list_chunks": TermsListChunks,
    "terms/list_messages": TermsListMessages,
    "terms/stale_samples": TermsStaleSamples,
    "upload_parts/content": UploadPartsContent,
    "upload_parts/create": UploadPartsCreate,
    "upload_parts/list": UploadPartsList,
    "uploads/get": UploadsGet,
    "uploads/list_expired": UploadsListExpired,
    "uploads/pending": UploadsPending,
    "usage/by_period": UsageByPeriod,
    "usage/list": UsageList,
    "usage/quotas": UsageQuotas,
    "usage/recount": UsageRecount,
    "users/create": UsersGet,
    "users/delete": UsersDelete,
    "users/erase_collections": UsersEraseCollections,
    "users/erase_conversations": UsersEraseConversations,
    "users/erase_documents": UsersEraseDocuments,
    "users/erase_uploads": UsersEraseUploads,
    "users/find_by_email": UsersGet,
    "users/find_by_external_id": UsersFindByExternalId,
    "users/get": UsersGet,
    "users/get_to_change": UsersGet,
    "users/hold": UsersHold,
    "users/list": UsersGet,
    "users/list_left_over": UsersListLeftOver,
    "users/update": UsersGet,
}
