-- doctor/dangling_keys :many
-- Keys, among those of the tenants given, that are limited to a collection that does not exist, for
-- `cabinet doctor`.
-- $1 user_ids uuid[]  the tenants
-- $2 max_rows int     1..1000
-- tenant: none, the administrator examines the collections of all tenants; it reads no contents
-- returns: user_id uuid, key_id uuid, collection_id uuid, fix text
-- index: api_keys_pkey, collections_pkey
select
    k.user_id,
    k.id as key_id,
    k.collection_id,
    format(
        'with ended as (update api_keys set revoked_at = now() where user_id = %L and id = %L '
        'returning user_id) '
        'update tenant_totals set key_count = greatest(0, key_count - 1) '
        'where user_id in (select user_id from ended);',
        k.user_id, k.id
    ) as fix
from api_keys as k
left join
    lateral (
        select o.id
        from collections as o
        where k.user_id = o.user_id and k.collection_id = o.id
        order by o.id
        limit 1
    ) as c
    on k.collection_id = c.id
where
    k.user_id = any($1::uuid[])
    and k.collection_id is not null
    and k.revoked_at is null
    and c.id is null
order by k.user_id, k.id
limit $2::int;
