-- Why: the text that is found and cited, and the size of each tenant, by which a search picks its lane.
--   Vectors live in a narrow table of their own (sql/ddl/), whose width is a setting.
-- Lock: SHARE ROW EXCLUSIVE on users and documents for a moment, for the foreign keys: it waits for writers,
--   readers go on.
-- On 10M rows: milliseconds; its tables are new.
-- Serves: chunks/*, ingest/*, search/*, indexes/*, documents/delete, keys/authenticate, keys/tenant,
--   messages/append, messages/list_stale_sources, calibration/*
-- Rollback loses: the text of all documents, and the counts of the vectors.
-- depends: 0003.documents
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
    references documents (user_id, id) on delete cascade
);

create index chunks_content_hash_idx on chunks (user_id, content_hash);

comment on column chunks.content_hash is
'The first 16 bytes of the content''s SHA-256. By it a worker finds the vector that an equal text has.';

create table tenant_totals (
    user_id uuid not null constraint tenant_totals_user_id_fkey references users (id) on delete cascade,
    chunk_count bigint not null constraint tenant_totals_chunks_positive check (chunk_count >= 0),
    has_index boolean not null default false,
    constraint tenant_totals_pkey primary key (user_id)
) with (fillfactor = 50);
