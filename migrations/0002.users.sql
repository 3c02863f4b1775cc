-- Why: who owns everything else, and the keys that they show.
-- Lock: none on any existing table.
-- On 10M rows: milliseconds; its tables are new.
-- Serves: users/*, keys/*
-- Rollback loses: the users and their keys.
-- depends: 0001.extension
create table users (
    id uuid primary key default uuidv7(),
    email text not null constraint users_email_length check (char_length(email) between 3 and 320),
    name text constraint users_name_length check (char_length(name) <= 255),
    plan text not null default 'free' constraint users_plan_known check (
        plan in ('free', 'pro', 'enterprise')
    ),
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
