-- collections/empty :value
-- Removes some files from a collection; the documents stay. Returns the number of removed files; repeat it
-- while it returns `max_rows`. Null: the collection does not exist. Readings that are in no collection
-- afterwards are erased (documents/hold_expired). With `is_sweep`, only an expired collection is emptied,
-- unless it is in use again, and it is marked when no file is left.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 max_rows      int   maximum number of files to remove
-- $4 is_sweep      bool  whether the collection must have expired
-- returns: emptied int8 null
-- length: the files, their readings and the collection change together
-- index: collections_pkey, collection_files_pkey, collection_files_batch_idx, documents_readings_idx,
--   documents_pkey
with held as materialized (
    select c.id
    from collections as c
    where
        c.user_id = $1::uuid
        and c.id = $2::uuid
        and (not $4::bool or (c.expires_at <= now() and c.expired_at is null))
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
    where c.user_id = $1::uuid and c.id = h.id and $4::bool and (select count(*) from emptied) < $3::int
)

select (select count(*) from emptied) as emptied
from held;
