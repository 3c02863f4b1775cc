-- Why: collections of files, many to many, with attributes of each file in each collection, added one by one
--   or in batches; and files that are kept without being read, with the purpose that a client gives them.
--   A row of collection_files whose document is null is a file that has left: no list shows it, but its seq
--   is still the place of a cursor. The sweep deletes it after a day. Counts and states are not stored: they
--   follow from the documents.
-- Lock: ACCESS EXCLUSIVE on documents for milliseconds, since a column without a default rewrites no row, and
--   the constraints are validated by the next migration; SHARE ROW EXCLUSIVE on users and documents for the
--   foreign keys.
-- On 10M rows: milliseconds; its tables are new.
-- Serves: collections/*, collection_files/*, file_batches/*, search/*, documents/*, users/delete,
--   users/erase_documents, users/erase_collections, export/collection_files, ingest/complete, ingest/replace,
--   collection_readers/*
-- Rollback loses: collections and purposes. A file that was only kept has failed then, and can be retried.
-- depends: 0024.items_by_id
alter table documents
add column purpose text,
-- squawk-ignore ban-drop-constraint
drop constraint documents_status_known,
add constraint documents_status_known check (
    status in ('stored', 'processing', 'ready', 'error')
) not valid,
add constraint documents_purpose_length check (char_length(purpose) between 1 and 64) not valid;

comment on column documents.purpose is
'Why the client keeps the file, in its own words; null: to be searched.';
comment on column documents.status is
'stored: kept, and read only when it is added to a collection. Otherwise the state of the ingestion.';

create table collections (
    user_id uuid not null constraint collections_user_id_fkey references users (id) on delete cascade,
    id uuid not null default uuidv7(),
    name text constraint collections_name_length check (char_length(name) <= 255),
    description text constraint collections_description_length check (char_length(description) <= 1000),
    metadata jsonb not null default '{}' constraint collections_metadata_object check (
        jsonb_typeof(metadata) = 'object'
    ),
    chunking jsonb constraint collections_chunking_object check (jsonb_typeof(chunking) = 'object'),
    expires_after_s bigint constraint collections_expires_after_positive check (expires_after_s > 0),
    last_active_at timestamptz not null default now(),
    expires_at timestamptz,
    expired_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint collections_pkey primary key (user_id, id)
) with (fillfactor = 85);

comment on column collections.chunking is
'How the client wants its files to be split; null: as the service does.';
comment on column collections.expires_at is
'last_active_at and expires_after_s later, written with them so that an index has it; null: never.';
comment on column collections.expired_at is 'When the sweep emptied the collection; null: it has not.';

-- A worker looks across all tenants for what has expired. Only collections that are to be emptied are in it.
create index collections_expires_idx on collections (expires_at)
where expires_at is not null and expired_at is null;

create table file_batches (
    user_id uuid not null,
    collection_id uuid not null,
    id uuid not null default uuidv7(),
    created_at timestamptz not null default now(),
    cancelled_at timestamptz,
    constraint file_batches_pkey primary key (user_id, collection_id, id),
    constraint file_batches_collection_fkey foreign key (user_id, collection_id)
    references collections (user_id, id) on delete cascade
);

create table collection_files (
    user_id uuid not null,
    collection_id uuid not null,
    file_id uuid not null,
    document_id uuid,
    batch_id uuid,
    seq uuid not null default uuidv7(),
    attributes jsonb not null default '{}' constraint collection_files_attributes_object check (
        jsonb_typeof(attributes) = 'object'
    ),
    is_cancelled boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    left_at timestamptz,
    constraint collection_files_pkey primary key (user_id, collection_id, file_id),
    constraint collection_files_seq_key unique (user_id, collection_id, seq),
    constraint collection_files_collection_fkey foreign key (user_id, collection_id)
    references collections (user_id, id) on delete cascade,
    constraint collection_files_document_fkey foreign key (user_id, document_id)
    references documents (user_id, id) on delete set null (document_id),
    constraint collection_files_batch_fkey foreign key (user_id, collection_id, batch_id)
    references file_batches (user_id, collection_id, id) on delete cascade
) with (fillfactor = 85);

create index collection_files_document_idx on collection_files (user_id, document_id);
create index collection_files_batch_idx on collection_files (user_id, collection_id, batch_id, seq);

-- A worker looks across all tenants for files that left long ago.
create index collection_files_left_idx on collection_files (coalesce(left_at, '-infinity'))
where document_id is null;

comment on column collection_files.file_id is 'The id that the document has, or had.';
comment on column collection_files.document_id is
'Null: the file was deleted, or taken out of the collection.';
comment on column collection_files.left_at is
'When it left; null: it is there, or it was deleted and the sweep has not seen that yet.';
comment on column collection_files.seq is 'The order in which files were added.';
comment on column collection_files.is_cancelled is
'Whether its batch was cancelled before the file was read: it is not searched in this collection.';
