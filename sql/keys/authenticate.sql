-- keys/authenticate :one
-- The user of a key, if the key is valid now. Records its use at most once a minute, without waiting for a
-- lock. The size of the tenant and the limits of the plan are returned and cached with the key, so that a
-- search can select its lane and a request can be counted without another statement.
-- $1 key_hash bytea  SHA-256 of the given key
-- tenant: none, the key identifies the tenant
-- returns: user_id uuid, key_id uuid, expires_at timestamptz null, scopes text[],
--   collection_id uuid null, chunk_count int8, has_index bool, requests_per_minute int8 null,
--   tokens_used int8, tokens_allowed int8 null
-- index: api_keys_key_hash_key, users_pkey, tenant_totals_pkey, api_keys_pkey, plans_pkey
with shown as (
    select
        k.user_id,
        k.id,
        k.expires_at,
        k.scopes,
        k.collection_id
    from api_keys as k
    where
        k.key_hash = $1::bytea
        and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > now())
),

unnoted as (
    select
        k.user_id,
        k.id
    from api_keys as k
    inner join shown as s on k.user_id = s.user_id and k.id = s.id
    where k.last_used_at is null or k.last_used_at < now() - interval '1 minute'
    for no key update of k skip locked
),

noted as (
    update api_keys as k
    set last_used_at = now()
    from unnoted as u
    where k.user_id = u.user_id and k.id = u.id
)

select
    s.user_id,
    s.id as key_id,
    s.expires_at,
    s.scopes,
    s.collection_id,
    coalesce(t.chunk_count, 0) as chunk_count,
    coalesce(t.has_index, false) as has_index,
    p.requests_per_minute,
    case
        when t.token_month = date_trunc('month', now() at time zone 'utc')::date then t.token_count else 0
    end as tokens_used,
    p.tokens_per_month as tokens_allowed
from shown as s
inner join users as u on s.user_id = u.id
inner join plans as p on u.plan = p.name
left join tenant_totals as t on s.user_id = t.user_id;
