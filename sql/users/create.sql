-- users/create :one
-- Creates a user, the first key and the totals that count it, all or none.
-- $1 email       text
-- $2 name        text null  null: none
-- $3 plan        text
-- $4 preferences jsonb
-- $5 external_id text null  null: none
-- $6 key_prefix  text       the first characters of the key, for people to recognise it
-- $7 key_hash    bytea      SHA-256 of the key; the key itself is not stored
-- tenant: none, it creates the tenant
-- returns: as users/get
with created as (
    insert into users (email, name, plan, preferences, external_id)
    values ($1::text, $2::text, $3::text, $4::jsonb, $5::text)
    returning id, external_id, email, name, plan, preferences, created_at, updated_at
),

first_key as (
    insert into api_keys (user_id, name, prefix, key_hash)
    select
        c.id as user_id,
        'first key' as name,
        $6::text as prefix,
        $7::bytea as key_hash
    from created as c
),

counted as (
    insert into tenant_totals (user_id, chunk_count, key_count)
    select
        c.id as user_id,
        0 as chunk_count,
        1 as key_count
    from created as c
)

select
    u.id,
    u.external_id,
    u.email,
    u.name,
    u.plan,
    u.preferences,
    u.created_at,
    u.updated_at
from created as u;
