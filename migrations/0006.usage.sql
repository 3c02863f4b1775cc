-- Why: a ledger of each user's daily usage, for bills and for finding large users; and each
--   tenant's totals, so that a quota is checked without counting, and a search picks its lane by them. The
--   statement that does the work adds to both.
-- Lock: SHARE ROW EXCLUSIVE on users for a moment, for the foreign keys: it waits for writers, readers go on.
-- On 10M rows: milliseconds; its tables are new.
-- Serves: usage/*, indexes/*, documents/create, documents/delete, messages/append, ingest/start,
--   ingest/finish, message_jobs/start, message_jobs/charge, keys/authenticate, keys/tenant
-- Rollback loses: the ledger, and the totals.
-- depends: 0005.conversations
create table usage_days (
    user_id uuid not null constraint usage_days_user_id_fkey references users (id) on delete cascade,
    day date not null,
    slot integer not null constraint usage_days_slot_known check (slot between 0 and 15),
    requests bigint not null default 0,
    searches bigint not null default 0,
    uploads bigint not null default 0,
    bytes bigint not null default 0,
    messages bigint not null default 0,
    tokens bigint not null default 0,
    constraint usage_days_pkey primary key (user_id, day, slot)
) with (fillfactor = 50);

create index usage_days_day_idx on usage_days (day) where slot >= 0;

comment on index usage_days_day_idx is
'Contains every row. Its predicate keeps it to the list of all users, which repeats it: those on one user '
'use the primary key.';

comment on column usage_days.day is 'In UTC.';
comment on column usage_days.slot is
'The number of the backend modulo 16, so that many writers of one user seldom wait for each other. A day is '
'the sum of its slots.';
comment on column usage_days.bytes is 'Uploaded.';
comment on column usage_days.tokens is 'Embedded: of new texts of documents, of messages, of queries.';

create table tenant_totals (
    user_id uuid not null constraint tenant_totals_user_id_fkey references users (id) on delete cascade,
    document_count bigint not null default 0,
    chunk_count bigint not null default 0 constraint tenant_totals_chunks_positive check (chunk_count >= 0),
    byte_count bigint not null default 0,
    token_count bigint not null default 0,
    token_month date,
    document_limit bigint constraint tenant_totals_documents_quota check (document_count <= document_limit),
    chunk_limit bigint constraint tenant_totals_chunks_quota check (chunk_count <= chunk_limit),
    byte_limit bigint constraint tenant_totals_bytes_quota check (byte_count <= byte_limit),
    token_limit bigint constraint tenant_totals_tokens_quota check (token_count <= token_limit),
    has_index boolean not null default false,
    constraint tenant_totals_pkey primary key (user_id)
) with (fillfactor = 50);

comment on column tenant_totals.chunk_count is
'Chunks, each of which has a vector. A search picks its lane by it.';
comment on column tenant_totals.byte_count is 'Bytes of the documents as they were uploaded.';
comment on column tenant_totals.token_count is 'Tokens embedded in token_month, a month in UTC.';
comment on column tenant_totals.document_limit is
'The limit of the plan when a document was last added. The statement that adds writes it again, and the '
'CHECK constraint of the column aborts it where the count would exceed the limit; null: it was not checked. '
'The other limits work alike.';
comment on column tenant_totals.has_index is 'Whether the tenant''s searches may use an index of their own.';
