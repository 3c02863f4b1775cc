-- Why: a ledger of what each user used on each day, for bills and for whoever asks who is large; and what
--   each user has stored, counted, so that a quota is checked without counting anew. Both are added up in the
--   statement that does the work. Documents that an older server takes after this, while it still runs, are
--   not counted: cabinet usage recount.
-- Lock: SHARE ROW EXCLUSIVE on users for a moment, for the foreign key: it waits for writers, readers go on.
--   Then ACCESS EXCLUSIVE on tenant_totals, which has a row for each tenant, while the documents are counted:
--   searches go on with keys that are cached, other requests wait.
-- On 10M rows: half a minute for 10M documents, which are read once.
-- Serves: usage/*, documents/create, documents/delete, messages/append, ingest/start, ingest/finish,
--   message_jobs/start, message_jobs/charge, keys/authenticate, keys/tenant
-- Rollback loses: the ledger. What users have stored is counted again on the way forward.
-- depends: 0010.plans
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

comment on column usage_days.day is 'In UTC.';
comment on column usage_days.slot is
'The number of the backend modulo 16, so that many writers of one user seldom wait for each other. A day is '
'the sum of its slots.';
comment on column usage_days.bytes is 'Uploaded.';
comment on column usage_days.tokens is 'Embedded: of new texts of documents, of messages, of queries.';

alter table tenant_totals
add column document_count bigint not null default 0,
add column byte_count bigint not null default 0,
add column token_month date,
add column token_count bigint not null default 0,
add column document_limit bigint constraint tenant_totals_documents_quota check (
    document_count <= document_limit
),
add column chunk_limit bigint constraint tenant_totals_chunks_quota check (chunk_count <= chunk_limit),
add column byte_limit bigint constraint tenant_totals_bytes_quota check (byte_count <= byte_limit),
add column token_limit bigint constraint tenant_totals_tokens_quota check (token_count <= token_limit);

comment on column tenant_totals.document_limit is
'The limit of the plan when a document was last added. The statement that adds writes it anew, and the rule '
'of the column ends it where the count would go past; null: it was not checked. So with the other limits.';
comment on column tenant_totals.token_month is 'The month in UTC of which token_count is the sum.';

insert into tenant_totals as v (user_id, chunk_count, document_count, byte_count)
select
    d.user_id,
    0 as chunk_count,
    count(*) as document_count,
    sum(d.file_size) as byte_count
from documents as d
group by d.user_id
on conflict (user_id) do update
    set document_count = excluded.document_count, byte_count = excluded.byte_count;
