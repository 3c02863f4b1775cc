-- collection_readers/add :one
-- Shares a collection with a user, or with everyone. Idempotent. Concurrent requests can exceed the limit by
-- a few. No row: the collection does not exist, or it has the maximum number of readers.
-- $1 user_id       uuid       the tenant
-- $2 collection_id uuid
-- $3 reader_id     uuid null  null: everyone
-- $4 max_readers   int
-- returns: as collection_readers/list
-- index: collections_pkey, collection_readers_pkey, collection_readers_reader_key
with there as materialized (
    select
        r.id,
        r.reader_id,
        r.created_at
    from collection_readers as r
    where r.user_id = $1::uuid and r.collection_id = $2::uuid
    order by r.id
    limit $4::int
),

same as materialized (
    select
        t.id,
        t.reader_id,
        t.created_at
    from there as t
    where t.reader_id is not distinct from $3::uuid
),

added as (
    insert into collection_readers as r (user_id, collection_id, reader_id)
    select
        $1::uuid as user_id,
        c.id as collection_id,
        $3::uuid as reader_id
    from collections as c
    where
        c.user_id = $1::uuid
        and c.id = $2::uuid
        and (select count(*) from there) < $4::int
        and (select count(*) from same) = 0
    on conflict (user_id, collection_id, reader_id) do update set reader_id = excluded.reader_id
    returning r.id, r.reader_id, r.created_at
)

select
    a.id,
    a.reader_id,
    a.created_at
from added as a
union all
select
    s.id,
    s.reader_id,
    s.created_at
from same as s;
