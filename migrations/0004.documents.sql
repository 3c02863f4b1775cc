-- Why: the files that users upload, byte for byte, the queue of those still to be ingested, and the chunks
--   that a search finds and an answer cites. The queue has no foreign key into the tenants' tables: a claim
--   looks across all tenants, which a distributed table refuses, so the queue must be able to live on one
--   node. A worker that claims a job whose document is gone drops the job. The vectors of the chunks live in
--   a narrow table of their own (sql/ddl/), whose width is a setting.
-- Lock: SHARE ROW EXCLUSIVE on users for a moment, for the foreign key: it waits for writers, readers go on.
-- On 10M rows: milliseconds; its tables are new.
-- Serves: collection_files/add, collection_files/hold, file_batches/cancel, documents/*, chunks/*,
--   export/document_contents, export/file_parts, ingest/*, search/*, messages/append, users/hold,
--   users/list_left_over, messages/list_stale_sources, server/health, server/queues, users/delete,
--   usage/recount, conversations/create, calibration/*, import/*, doctor/*, samples/*
-- Rollback loses: the documents, their text, and the queue.
-- depends: 0003.users
create table documents (
    user_id uuid not null constraint documents_user_id_fkey references users (id) on delete cascade,
    id uuid not null default uuidv7(),
    filename text not null constraint documents_filename_length check (
        char_length(filename) between 1 and 255
    ),
    file_type text not null constraint documents_file_type_known check (
        file_type in ('text', 'markdown', 'html', 'pdf', 'csv', 'docx')
    ),
    file_size bigint not null,
    content_hash uuid not null,
    replaces text,
    status text not null default 'processing' constraint documents_status_known check (
        status in ('processing', 'ready', 'error')
    ),
    error text,
    attempt integer not null default 0,
    lease_expires_at timestamptz,
    progress real not null default 0 constraint documents_progress_fraction check (progress between 0 and 1),
    chunk_count integer not null default 0,
    metadata jsonb not null default '{}' constraint documents_metadata_object check (
        jsonb_typeof(metadata) = 'object'
    ),
    expires_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint documents_pkey primary key (user_id, id)
) with (fillfactor = 85);

comment on column documents.content_hash is 'The first 16 bytes of the SHA-256 of the file.';
comment on column documents.replaces is
'The filename whose earlier documents are deleted when this one is ready; null: none.';

create index documents_user_status_idx on documents (user_id, status, id);
create index documents_user_filename_idx on documents (user_id, filename, id);

-- The filters of a search by date and by type of file are read from this index alone.
create index documents_user_created_idx on documents (user_id, created_at)
include (id, file_type, chunk_count);

-- The filter of a search by metadata. It keeps no list of pending entries, which every search would have to
-- read.
create index documents_user_metadata_idx on documents
using gin (tenant_metadata(user_id, metadata) jsonb_path_ops) with (fastupdate = off);

-- A worker looks across all tenants for what has expired. Only rows that expire are in it.
create index documents_expires_idx on documents (expires_at)
where expires_at is not null;

create function document_matches(tenant uuid, filters jsonb, document documents) returns boolean
language sql immutable parallel safe
return
(
    filters ->> 'metadata' is null
    or (
        document.metadata @> (filters -> 'metadata')
        and tenant_metadata(document.user_id, document.metadata)
        @> tenant_metadata(tenant, filters -> 'metadata')
    )
)
and (filters ->> 'file_types' is null or filters -> 'file_types' ? document.file_type)
and (
    filters ->> 'uploaded_after' is null
    or document.created_at >= to_timestamp((filters ->> 'uploaded_after')::float8)
)
and (
    filters ->> 'uploaded_before' is null
    or document.created_at < to_timestamp((filters ->> 'uploaded_before')::float8)
);

comment on function document_matches(uuid, jsonb, documents) is
'Whether a document passes the filters of a search, a JSON object with a member for each filter: metadata, '
'file_types, uploaded_after, uploaded_before. Timestamps are seconds since 1970: the planner converts these, '
'while text, whose meaning depends on settings of the session, would be converted for each row. A member '
'that is missing or null lets every document pass, and so do filters that are null. The planner inlines the '
'function, so its conditions can use indexes.';

-- The bytes of a document; its chunks and vectors refer to this row, which can outlive the document. Deleting
-- 20,000 chunks takes seconds. So the deletion of a large document deletes its row in documents, and notes
-- here that workers are to erase the rest, in batches.
create table document_contents (
    user_id uuid not null constraint document_contents_user_id_fkey references users (id) on delete cascade,
    document_id uuid not null,
    content bytea not null,
    removed_at timestamptz,
    constraint document_contents_pkey primary key (user_id, document_id)
);

-- The rows that are left of deleted documents: none, except for some minutes after a large document was
-- deleted. Searches leave those documents out, and workers erase them.
create index document_contents_removed_idx on document_contents (user_id, document_id)
where removed_at is not null;

comment on column document_contents.removed_at is
'When the document was deleted; its bytes, chunks and vectors are being erased. Null: it is there.';

create table ingestion_jobs (
    user_id uuid not null,
    document_id uuid not null,
    attempt integer not null default 0,
    tries integer not null default 0,
    due_at timestamptz not null default now(),
    worker text,
    created_at timestamptz not null default now(),
    constraint ingestion_jobs_pkey primary key (user_id, document_id)
) with (fillfactor = 70);

create index ingestion_jobs_due_idx on ingestion_jobs (due_at);

create index ingestion_jobs_user_due_idx on ingestion_jobs (user_id, due_at) where due_at > '-infinity';

comment on index ingestion_jobs_user_due_idx is
'Leaves no job out. Its condition keeps it to the claim, which repeats it: statements about one job use the '
'primary key, also where the planner does not know yet that a user has thousands of jobs.';

comment on column ingestion_jobs.due_at is
'When the job may be claimed: at once when new, at the end of the lease while a worker holds it, '
'after a delay when an attempt failed.';
comment on column ingestion_jobs.attempt is
'Rises with each claim and never falls: the fencing token that a worker must show to change the document.';
comment on column ingestion_jobs.tries is
'Claims since the job was last queued by a person; limited by CABINET_WORKER_MAX_ATTEMPTS.';

create table chunks (
    user_id uuid not null,
    id uuid not null default uuidv7(),
    document_id uuid not null,
    chunk_index integer not null constraint chunks_index_positive check (chunk_index >= 0),
    content text not null,
    content_hash uuid not null,
    token_count integer not null constraint chunks_tokens_positive check (token_count >= 0),
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    constraint chunks_pkey primary key (user_id, id),
    constraint chunks_document_index_key unique (user_id, document_id, chunk_index),
    constraint chunks_document_fkey foreign key (user_id, document_id)
    references document_contents (user_id, document_id) on delete cascade
);

create index chunks_content_hash_idx on chunks (user_id, content_hash);

comment on column chunks.content_hash is
'The first 16 bytes of the content''s SHA-256. A worker finds the vector of an equal text by it.';
