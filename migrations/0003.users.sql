-- Why: the users, who own everything else, and their API keys. A request that is sent again because its
--   answer was lost must not take effect twice: its idempotency key is kept for a day, with a digest of the
--   request and the place of its result.
-- Lock: SHARE ROW EXCLUSIVE on plans for a moment, for the foreign key: it waits for writers, readers go on.
-- On 10M rows: milliseconds; its tables are new.
-- Serves: users/*, keys/*, idempotency/*
-- Rollback loses: the users and their keys.
-- depends: 0002.plans
create table users (
    id uuid primary key default uuidv7(),
    email text not null constraint users_email_length check (char_length(email) between 3 and 320),
    name text constraint users_name_length check (char_length(name) <= 255),
    plan text not null constraint users_plan_fkey references plans (name),
    preferences jsonb not null default '{}' constraint users_preferences_object check (
        jsonb_typeof(preferences) = 'object'
    ),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create unique index users_email_key on users (lower(email));

create table api_keys (
    user_id uuid not null constraint api_keys_user_id_fkey references users (id) on delete cascade,
    id uuid not null default uuidv7(),
    name text constraint api_keys_name_length check (char_length(name) <= 255),
    prefix text not null,
    key_hash bytea not null constraint api_keys_hash_sha256 check (octet_length(key_hash) = 32),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    constraint api_keys_pkey primary key (user_id, id)
);

create unique index api_keys_key_hash_key on api_keys (key_hash);

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
'The place of the result, such as the id of the document. Null only inside the transaction that makes it.';
