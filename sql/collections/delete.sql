-- collections/delete :value
-- Removes some files from a collection, then some of its batches, and deletes the collection when none is
-- left. The documents stay. Repeat it while it returns false. Null: the collection does not exist.
-- Readings that are in no collection afterwards are erased (documents/delete_expired).
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 max_rows      int   maximum number of files and batches to remove
-- returns: is_deleted bool null
-- index: collections_pkey, collection_files_pkey, collection_files_batch_idx, file_batches_pkey,
--   documents_readings_idx, documents_pkey
-- length: files, batches and the collection are deleted in this order, a bounded number each
with held as materialized (
    select c.id
    from collections as c
    where c.user_id = $1::uuid and c.id = $2::uuid
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

erased_batches as (
    delete from file_batches as b
    where
        b.user_id = $1::uuid
        and b.collection_id = $2::uuid
        and b.id = any(
            array(
                select o.id
                from file_batches as o
                where
                    o.user_id = $1::uuid
                    and o.collection_id = $2::uuid
                    and exists (select h.id from held as h)
                    and (select count(*) from emptied) < $3::int
                order by o.id
                limit $3::int
            )
        )
    returning b.id
),

deleted as (
    delete from collections as c
    using held as h
    where
        c.user_id = $1::uuid
        and c.id = h.id
        and (select count(*) from emptied) < $3::int
        and (select count(*) from erased_batches) < $3::int
    returning c.id
),

planned_once as (
    select set_config('plan_cache_mode', 'force_generic_plan', true) as plan_mode
)

select exists(select d.id from deleted as d) as is_deleted
from held
where (select count(*) from planned_once) >= 0;
