-- Why: what users upload, the bytes as they came, and the queue of those still to be read. The queue has no
--   foreign key into the tenants' tables: a claim looks across all tenants, which a distributed table
--   refuses, so the queue must be able to live on one node. A job whose document is gone is dropped by the
--   worker that claims it.
-- Lock: SHARE ROW EXCLUSIVE on users for a moment, for the foreign key: it waits for writers, readers go on.
-- On 10M rows: milliseconds; its tables are new.
-- Serves: documents/*, ingest/*, search/*, messages/append, messages/list_stale_sources, server/health,
--   users/delete, calibration/*, import/*, doctor/*, samples/*
-- Rollback loses: the documents, and what waits to be ingested.
-- depends: 0002.users
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
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint documents_pkey primary key (user_id, id)
) with (fillfactor = 85);

create index documents_user_status_idx on documents (user_id, status, id);

-- What a search is limited to by date and by type of file: read from the index alone.
create index documents_user_created_idx on documents (user_id, created_at)
include (id, file_type, chunk_count);

-- What a search is limited to by metadata. The tenant is the outermost key of each value that is indexed, so
-- that a scan meets no other tenant's documents, although GIN takes no uuid beside the jsonb. No list of
-- pending entries, which every search would have to read.
create index documents_user_metadata_idx on documents
using gin (jsonb_set('{}', array[user_id::text], metadata) jsonb_path_ops) with (fastupdate = off);

create table document_contents (
    user_id uuid not null,
    document_id uuid not null,
    content bytea not null,
    constraint document_contents_pkey primary key (user_id, document_id),
    constraint document_contents_document_fkey foreign key (user_id, document_id)
    references documents (user_id, id) on delete cascade
);

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

comment on column ingestion_jobs.due_at is
'When the job may be claimed: at once when new, at the end of the lease while a worker holds it, '
'after a delay when an attempt failed.';
comment on column ingestion_jobs.attempt is
'Rises with each claim and never falls: the fencing token that a worker must show to change the document.';
comment on column ingestion_jobs.tries is
'Claims since the job was last queued by a person; limited by CABINET_WORKER_MAX_ATTEMPTS.';
