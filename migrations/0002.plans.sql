-- Why: the limits on what a user may store and use are rows that an administrator adds and changes. A limit
--   that is null is none.
-- Lock: none on any existing table.
-- On 10M rows: milliseconds; its table is new.
-- Serves: plans/*, usage/quotas, documents/create, ingest/start, ingest/finish, message_jobs/start,
--   message_jobs/charge, keys/authenticate, keys/tenant
-- Rollback loses: the plans and their limits.
-- depends: 0001.extension_and_functions
create table plans (
    name text constraint plans_pkey primary key constraint plans_name_form check (
        name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'
    ),
    max_documents bigint constraint plans_max_documents_positive check (max_documents >= 0),
    max_chunks bigint constraint plans_max_chunks_positive check (max_chunks >= 0),
    max_bytes bigint constraint plans_max_bytes_positive check (max_bytes >= 0),
    tokens_per_month bigint constraint plans_tokens_positive check (tokens_per_month >= 0),
    requests_per_minute bigint constraint plans_requests_positive check (requests_per_minute >= 1),
    updated_at timestamptz not null default now()
);

comment on table plans is
'The limits of each plan; null: none. The statements that add to a user''s totals read them.';

insert into plans (name, max_documents, max_chunks, max_bytes, tokens_per_month, requests_per_minute)
values
('enterprise', null, null, null, null, null),
('free', 1000, 100000, 1073741824, 10000000, 600),
('pro', 50000, 5000000, 107374182400, 1000000000, 6000);
