-- keys/create :one
-- Adds a key of a user and counts it; as in documents/create, a CHECK constraint of tenant_totals decides
-- whether concurrent requests exceed the limit of the plan. No row: the limit is reached, or the user does
-- not exist.
-- $1 user_id    uuid              the tenant
-- $2 name       text null         null: none
-- $3 prefix     text              the first characters of the key
-- $4 key_hash   bytea             SHA-256 of the key
-- $5 expires_at timestamptz null  null: never
-- $6 scopes     text[]            read, write
-- returns: as keys/list
-- index: users_pkey, tenant_totals_pkey
with allowed as (
    select p.max_keys
    from users as u
    inner join plans as p on u.plan = p.name
    left join tenant_totals as t on u.id = t.user_id
    where u.id = $1::uuid and (p.max_keys is null or coalesce(t.key_count, 0) < p.max_keys)
),

created as (
    insert into api_keys as k (user_id, name, prefix, key_hash, expires_at, scopes)
    select
        $1::uuid as user_id,
        $2::text as name,
        $3::text as prefix,
        $4::bytea as key_hash,
        $5::timestamptz as expires_at,
        $6::text[] as scopes
    from allowed
    returning
        k.id,
        k.name,
        k.prefix,
        k.scopes,
        k.created_at,
        k.expires_at,
        k.revoked_at,
        k.last_used_at
),

counted as (
    insert into tenant_totals as t (user_id, chunk_count, key_count, key_limit)
    select
        $1::uuid as user_id,
        0 as chunk_count,
        1 as key_count,
        a.max_keys as key_limit
    from allowed as a
    cross join created
    on conflict (user_id) do update
        set key_count = t.key_count + excluded.key_count, key_limit = excluded.key_limit
)

select
    k.id,
    k.name,
    k.prefix,
    k.scopes,
    k.created_at,
    k.expires_at,
    k.revoked_at,
    k.last_used_at
from created as k;
