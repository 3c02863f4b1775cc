-- doctor/wrong_expiries :many
-- Collections, among those of the tenants given, whose expiry time does not follow from their last use, for
-- `cabinet doctor`.
-- $1 user_ids uuid[]  the tenants
-- $2 max_rows int     1..1000
-- tenant: none, the administrator examines the collections of all tenants; it reads no contents
-- returns: user_id uuid, collection_id uuid, fix text
-- index: collections_pkey
select
    c.user_id,
    c.id as collection_id,
    format(
        'update collections set expires_at = last_active_at + expires_after_s * interval ''1 second'' '
        'where user_id = %L and id = %L;',
        c.user_id, c.id
    ) as fix
from collections as c
where
    c.user_id = any($1::uuid[])
    and c.expires_at is distinct from c.last_active_at + c.expires_after_s * interval '1 second'
order by c.user_id, c.id
limit $2::int;
