-- keys/create :one
-- Adds a key of a user and counts it; as in documents/create, a CHECK constraint of tenant_totals decides
-- whether concurrent requests exceed the limit of the plan. A collection to which the key is limited is
-- locked, so that a concurrent deletion of the collection also deletes this key. No row: the limit is
-- reached, or the user or the collection does not exist.
-- $1 user_id       uuid              the tenant
-- $2 name          text null         null: none
-- $3 prefix        text              the first characters of the key
-- $4 key_hash      bytea             SHA-256 of the key
-- $5 expires_at    timestamptz null  null: never
-- $6 scopes        text[]            read, write
-- $7 collection_id uuid optional     the only collection that the key can access; null: all data of the user
-- returns: as keys/list
-- index: users_pkey, tenant_totals_pkey, collections_pkey
-- length: the key is added and counted together or not at all
with held as materialized (
    select c.id
    from collections as c
    where c.user_id = $1::uuid and c.id = $7::uuid
    for key share
),

allowed as (
    select p.max_keys
    from users as u
    inner join plans as p on u.plan = p.name
    left join tenant_totals as t on u.id = t.user_id
    where
        u.id = $1::uuid
        and (p.max_keys is null or coalesce(t.key_count, 0) < p.max_keys)
        and ($7::uuid is null or (select count(*) from held) > 0)
),

created as (
    insert into api_keys as k (user_id, name, prefix, key_hash, expires_at, scopes, collection_id)
    select
        $1::uuid as user_id,
        $2::text as name,
        $3::text as prefix,
        $4::bytea as key_hash,
        $5::timestamptz as expires_at,
        $6::text[] as scopes,
        $7::uuid as collection_id
    from allowed
    returning
        k.id,
        k.name,
        k.prefix,
        k.scopes,
        k.collection_id,
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
    k.collection_id,
    k.created_at,
    k.expires_at,
    k.revoked_at,
    k.last_used_at
from created as k;
