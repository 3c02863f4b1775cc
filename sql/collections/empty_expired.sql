-- collections/empty_expired :value
-- Removes some files from an expired collection, unless it is in use again, and marks it when none is
-- left. The documents stay. Returns the number of removed files. Readings that are in no collection
-- afterwards are erased (documents/delete_expired).
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 max_rows      int   maximum number of files to remove
-- returns: emptied int8
-- length: the files, their readings and the collection change together
-- index: collections_pkey, collection_files_pkey, collection_files_batch_idx, documents_readings_idx,
--   documents_pkey
with held as materialized (
    select c.id
    from collections as c
    where c.user_id = $1::uuid and c.id = $2::uuid and c.expires_at <= now() and c.expired_at is null
    for update
),

chosen as materialized (
    select
        o.file_id,
        o.document_id
    from collection_files as o
    where
        o.user_id = $1::uuid
        and o.collection_id = $2::uuid
        and exists (select h.id from held as h)
    order by o.file_id
    limit $3::int
),

unused as materialized (
    select d.id
    from documents as d
    where
        d.user_id = $1::uuid
        and d.id in (
            select c.document_id
            from chosen as c
            where c.document_id <> c.file_id
        )
        and d.file_id is not null
    order by d.id
    for no key update
),

released as (
    update documents as d
    set expires_at = now()
    from unused as u
    where d.user_id = $1::uuid and d.id = u.id
    returning d.id
),

emptied as (
    delete from collection_files as f
    where
        f.user_id = $1::uuid
        and f.collection_id = $2::uuid
        and f.file_id = any((select array_agg(c.file_id) from chosen as c)::uuid[])
        and (select count(*) from released) >= 0
    returning f.file_id
),

marked as (
    update collections as c
    set expired_at = now()
    from held as h
    where c.user_id = $1::uuid and c.id = h.id and (select count(*) from emptied) < $3::int
)

select count(e.file_id) as emptied
from emptied as e;
