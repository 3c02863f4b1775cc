-- keys/authenticate :one
-- Whose key this is, if it is good now; notes its use, at most once a minute. The size of the tenant travels along
-- and is cached with the key, so that a search can pick its lane without asking.
-- $1 key_hash bytea  SHA-256 of the key shown
-- tenant: none, the key is what tells the tenant
-- returns: user_id uuid, key_id uuid, expires_at timestamptz, vector_count int8
-- index: api_keys_key_hash_key
with shown as (
    select
        k.user_id,
        k.id,
        k.expires_at,
        k.last_used_at
    from api_keys as k
    where
        k.key_hash = $1::bytea
        and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > now())
),

noted as (
    update api_keys as k
    set last_used_at = now()
    from shown as s
    where
        k.user_id = s.user_id
        and k.id = s.id
        and (s.last_used_at is null or s.last_used_at < now() - interval '1 minute')
)

select
    s.user_id,
    s.id as key_id,
    s.expires_at,
    coalesce(v.row_count, 0) as vector_count
from shown as s
left join vector_counts as v on s.user_id = v.user_id;
