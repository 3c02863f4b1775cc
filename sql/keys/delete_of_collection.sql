-- keys/delete_of_collection :exec
-- Deletes the keys that are limited to a collection, which has just been deleted in the same transaction, and
-- subtracts those that were not revoked from the user's totals. It runs after the deletion, so that it also
-- finds a key that was added in the meantime.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- index: api_keys_pkey, tenant_totals_pkey
with deleted as (
    delete from api_keys as k
    where k.user_id = $1::uuid and k.collection_id = $2::uuid
    returning k.id, k.revoked_at
),

uncounted as (
    insert into tenant_totals as t (user_id, chunk_count, key_count)
    select
        $1::uuid as user_id,
        0 as chunk_count,
        count(*) as key_count
    from deleted as d
    where d.revoked_at is null
    having count(*) > 0
    on conflict (user_id) do update
        set key_count = greatest(0, t.key_count - excluded.key_count)
)

select d.id
from deleted as d;
