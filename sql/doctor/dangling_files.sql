-- doctor/dangling_files :many
-- Files of collections, among those of the tenants given, whose document or collection does not exist, for
-- `cabinet doctor`: rows were deleted by hand, or only some tables were restored.
-- $1 user_ids uuid[]  the tenants
-- $2 max_rows int     1..1000
-- tenant: none, the administrator examines the collections of all tenants; it reads no contents
-- returns: user_id uuid, collection_id uuid, file_id uuid, lacks_collection bool, fix text
-- index: documents_pkey, collections_pkey, collection_files_pkey
select
    f.user_id,
    f.collection_id,
    f.file_id,
    c.id is null as lacks_collection,
    format(
        'delete from collection_files where user_id = %L and collection_id = %L and file_id = %L;',
        f.user_id, f.collection_id, f.file_id
    ) as fix
from collection_files as f
left join
    lateral (
        select o.id
        from collections as o
        where f.user_id = o.user_id and f.collection_id = o.id
        order by o.id
        limit 1
    ) as c
    on f.collection_id = c.id
left join
    lateral (
        select o.id
        from documents as o
        where f.user_id = o.user_id and f.document_id = o.id
        order by o.id
        limit 1
    ) as d
    on f.document_id = d.id
where
    f.user_id = any($1::uuid[])
    and (c.id is null or (f.document_id is not null and d.id is null))
order by f.user_id, f.collection_id, f.file_id
limit $2::int;
