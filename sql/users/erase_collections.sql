-- users/erase_collections :one
-- Erases some files and readers of collections of a user who has too many for one statement, and when none is
-- left some batches, then collections. It can delete a few more rows than `max_rows` with the last
-- collection. Returns the number of rows of each table; all are 0 when nothing is left.
-- $1 user_id  uuid  the tenant
-- $2 max_rows int   of each table, 1..10000
-- returns: collection_files int8, collection_readers int8, file_batches int8, collections int8
-- length: the rows of four tables are deleted in order
-- index: collection_files_pkey, file_batches_pkey, collections_pkey, collection_files_batch_idx,
--   collection_readers_reader_key, collection_readers_pkey
with files as materialized (
    select
        f.collection_id,
        f.file_id
    from collection_files as f
    where f.user_id = $1::uuid
    order by f.collection_id, f.file_id
    limit $2::int
    for update
),

erased_files as (
    delete from collection_files as f
    where
        f.user_id = $1::uuid
        and f.collection_id = any(array(
            select e.collection_id from files as e
            order by e.file_id limit $2::int
        ))
        and f.file_id = any(array(
            select e.file_id from files as e
            order by e.file_id limit $2::int
        ))
    returning f.file_id
),

readers as materialized (
    select
        r.collection_id,
        r.id
    from collection_readers as r
    where r.user_id = $1::uuid
    order by r.collection_id, r.id
    limit $2::int
    for update
),

erased_readers as (
    delete from collection_readers as r
    where
        r.user_id = $1::uuid
        and r.collection_id = any(array(
            select e.collection_id from readers as e
            order by e.id limit $2::int
        ))
        and r.id = any(array(
            select e.id from readers as e
            order by e.id limit $2::int
        ))
    returning r.id
),

batches as materialized (
    select
        b.collection_id,
        b.id
    from file_batches as b
    where
        b.user_id = $1::uuid
        and (select count(*) from erased_files) = 0
        and (select count(*) from erased_readers) = 0
    order by b.collection_id, b.id
    limit $2::int
    for update
),

erased_batches as (
    delete from file_batches as b
    where
        b.user_id = $1::uuid
        and b.collection_id = any(array(
            select e.collection_id from batches as e
            order by e.id limit $2::int
        ))
        and b.id = any(array(
            select e.id from batches as e
            order by e.id limit $2::int
        ))
    returning b.id
),

chosen as materialized (
    select c.id
    from collections as c
    where
        c.user_id = $1::uuid
        and (select count(*) from erased_files) = 0
        and (select count(*) from erased_readers) = 0
        and (select count(*) from erased_batches) = 0
    order by c.id
    limit $2::int
    for update
),

erased_collections as (
    delete from collections as c
    where
        c.user_id = $1::uuid and c.id = any(array(
            select e.id from chosen as e
            order by e.id limit $2::int
        ))
    returning c.id
),

planned_once as (
    select set_config('plan_cache_mode', 'force_generic_plan', true) as plan_mode
)

select
    (select count(*) from erased_files) as collection_files,
    (select count(*) from erased_readers) as collection_readers,
    (select count(*) from erased_batches) as file_batches,
    (select count(*) from erased_collections) as collections
where (select count(*) from planned_once) >= 0;
