-- collection_readers/list :many
-- The readers of a collection, last added first, without its owner.
-- $1 user_id       uuid       the tenant
-- $2 collection_id uuid
-- $3 after         uuid null  the last id of the previous page; null: from the newest
-- $4 max_rows      int        1..101
-- returns: id uuid, reader_id uuid null, created_at timestamptz
-- index: collection_readers_pkey
select
    r.id,
    r.reader_id,
    r.created_at
from collection_readers as r
where
    r.user_id = $1::uuid
    and r.collection_id = $2::uuid
    and ($3::uuid is null or r.id < $3::uuid)
order by r.id desc
limit $4::int;
