-- doctor/dangling_readers :many
-- Shares of collections, among those of the tenants given, whose collection or reader does not exist, for
-- `cabinet doctor`.
-- $1 user_ids uuid[]  the tenants
-- $2 max_rows int     1..1000
-- tenant: none, the administrator examines the collections of all tenants; it reads no contents
-- returns: user_id uuid, collection_id uuid, reader_id uuid null, lacks_collection bool, fix text
-- index: collection_readers_pkey, collections_pkey, users_pkey, collection_readers_reader_key
select
    r.user_id,
    r.collection_id,
    r.reader_id,
    c.id is null as lacks_collection,
    format(
        'delete from collection_readers where user_id = %L and collection_id = %L and id = %L;',
        r.user_id, r.collection_id, r.id
    ) as fix
from collection_readers as r
left join
    lateral (
        select o.id
        from collections as o
        where r.user_id = o.user_id and r.collection_id = o.id
        order by o.id
        limit 1
    ) as c
    on r.collection_id = c.id
left join
    lateral (
        select o.id
        from users as o
        where r.reader_id = o.id
        order by o.id
        limit 1
    ) as u
    on r.reader_id = u.id
where
    r.user_id = any($1::uuid[])
    and (c.id is null or (r.reader_id is not null and u.id is null))
order by r.user_id, r.collection_id, r.id
limit $2::int;
