-- collections/delete :value
-- Deletes some batches of a collection, and the collection when none is left: after collections/empty, in the
-- same transaction, which has removed the files and locked the collection. Repeat it while it returns false.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 max_rows      int   maximum number of batches to delete
-- returns: is_deleted bool
-- index: collections_pkey, file_batches_pkey
with erased_batches as (
    delete from file_batches as b
    where
        b.user_id = $1::uuid
        and b.collection_id = $2::uuid
        and b.id = any(
            array(
                select o.id
                from file_batches as o
                where o.user_id = $1::uuid and o.collection_id = $2::uuid
                order by o.id
                limit $3::int
            )
        )
    returning b.id
),

deleted as (
    delete from collections as c
    where
        c.user_id = $1::uuid
        and c.id = $2::uuid
        and (select count(*) from erased_batches) < $3::int
    returning c.id
),

planned_once as (
    select set_config('plan_cache_mode', 'force_generic_plan', true) as plan_mode
)

select exists(select d.id from deleted as d) as is_deleted
where (select count(*) from planned_once) >= 0;
