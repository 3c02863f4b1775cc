-- Why: a request that was sent again, because its answer was lost, must not take effect twice. Its key is
--   kept for a day with a digest of the request and where its result is found.
-- Lock: SHARE ROW EXCLUSIVE on users for a moment, for the foreign key: it waits for writers, readers go on.
-- On 10M rows: milliseconds; its table is new.
-- Serves: idempotency/*
-- Rollback loses: the keys of the last day: a request sent again then takes effect again.
-- depends: 0008.message_jobs
create table idempotency_keys (
    user_id uuid not null constraint idempotency_keys_user_id_fkey references users (id) on delete cascade,
    route text not null,
    key text not null constraint idempotency_keys_key_length check (char_length(key) between 1 and 255),
    request_digest bytea not null constraint idempotency_keys_digest_sha256 check (
        octet_length(request_digest) = 32
    ),
    result jsonb,
    created_at timestamptz not null default now(),
    constraint idempotency_keys_pkey primary key (user_id, route, key)
) with (fillfactor = 85);

create index idempotency_keys_created_idx on idempotency_keys (created_at);

comment on column idempotency_keys.result is
'Where the result is found, such as the id of the document. Null only inside the transaction that makes it.';
