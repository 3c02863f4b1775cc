-- keys/revoke :exec
-- Revokes one key permanently and subtracts it from the user's totals. Idempotent. The most recently revoked
-- keys remain in the list; older ones are deleted, so that a user who keeps creating and revoking keys does
-- not fill the table.
-- $1 user_id     uuid  the tenant
-- $2 key_id      uuid
-- $3 max_revoked int8  number of revoked keys that remain
-- index: api_keys_pkey, tenant_totals_pkey
with revoked as (
    update api_keys as k
    set revoked_at = now()
    where k.user_id = $1::uuid and k.id = $2::uuid and k.revoked_at is null
    returning k.id
),

old as (
    select
        k.id,
        row_number() over (order by k.revoked_at desc, k.id desc) as place
    from api_keys as k
    where k.user_id = $1::uuid and k.revoked_at is not null and k.id <> $2::uuid
),

forgotten as (
    delete from api_keys as k
    using old as o
    where k.user_id = $1::uuid and k.id = o.id and o.place >= $3::int8
),

uncounted as (
    insert into tenant_totals as t (user_id, chunk_count, key_count)
    select
        $1::uuid as user_id,
        0 as chunk_count,
        1 as key_count
    from revoked
    on conflict (user_id) do update
        set key_count = greatest(0, t.key_count - excluded.key_count)
)

select k.id
from api_keys as k
where k.user_id = $1::uuid and k.id = $2::uuid;
