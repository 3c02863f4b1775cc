-- Why: what a user may store and use is a row that an administrator changes, not a constant. A limit that is
--   null is none. On a new database the plans free and pro have limits; on one that has users already all
--   plans begin without any, so that nobody who was served yesterday is refused today.
-- Lock: none on any existing table.
-- On 10M rows: milliseconds; its table is new.
-- Serves: plans/*, usage/quotas, documents/create, ingest/start, ingest/finish, message_jobs/start,
--   message_jobs/charge, keys/authenticate, keys/tenant
-- Rollback loses: the limits that were set.
-- depends: 0009.idempotency_keys
create table plans (
    name text constraint plans_pkey primary key constraint plans_name_known check (
        name in ('free', 'pro', 'enterprise')
    ),
    max_documents bigint constraint plans_max_documents_positive check (max_documents >= 0),
    max_chunks bigint constraint plans_max_chunks_positive check (max_chunks >= 0),
    max_bytes bigint constraint plans_max_bytes_positive check (max_bytes >= 0),
    tokens_per_month bigint constraint plans_tokens_positive check (tokens_per_month >= 0),
    requests_per_minute bigint constraint plans_requests_positive check (requests_per_minute >= 1),
    updated_at timestamptz not null default now()
);

insert into plans (name) values ('free'), ('pro'), ('enterprise');

update plans as p
set
    max_documents = n.max_documents,
    max_chunks = n.max_chunks,
    max_bytes = n.max_bytes,
    tokens_per_month = n.tokens_per_month,
    requests_per_minute = n.requests_per_minute
from (
    values
    ('free', 1000, 100000, 1073741824, 10000000, 600),
    ('pro', 50000, 5000000, 107374182400, 1000000000, 6000)
) as n (name, max_documents, max_chunks, max_bytes, tokens_per_month, requests_per_minute)
where p.name = n.name and not exists (select u.id from users as u);

comment on table plans is
'The limits of each plan; null: none. The statements that add to what a user has read them.';
