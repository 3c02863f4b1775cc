-- collections/empty_expired :value
-- Removes some files from an expired collection, unless it is in use again, and marks it when none is left.
-- The documents stay. Returns the number of removed files.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 max_rows      int   maximum number of files to remove
-- returns: emptied int8
-- index: collections_pkey, collection_files_pkey, collection_files_batch_idx
with held as materialized (
    select c.id
    from collections as c
    where c.user_id = $1::uuid and c.id = $2::uuid and c.expires_at <= now() and c.expired_at is null
    for update
),

emptied as (
    delete from collection_files as f
    where
        f.user_id = $1::uuid
        and f.collection_id = $2::uuid
        and f.file_id = any(
            array(
                select o.file_id
                from collection_files as o
                where
                    o.user_id = $1::uuid
                    and o.collection_id = $2::uuid
                    and exists (select h.id from held as h)
                order by o.file_id
                limit $3::int
            )
        )
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
