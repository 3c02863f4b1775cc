-- export/file_batches :many
-- The batches of collections, for an export.
-- $1 user_id             uuid       the tenant
-- $2 collection_ids      uuid[]     of export/collections, at most 1000
-- $3 after_collection_id uuid null  of the last row of the previous page; null: from the first
-- $4 after_id            uuid
-- $5 max_rows            int        1..1000
-- returns: collection_id uuid, id uuid, created_at timestamptz, cancelled_at timestamptz null
-- index: file_batches_pkey
select
    b.collection_id,
    b.id,
    b.created_at,
    b.cancelled_at
from file_batches as b
where
    b.user_id = $1::uuid
    and b.collection_id = any($2::uuid[])
    and ($3::uuid is null or (b.collection_id, b.id) > ($3::uuid, $4::uuid))
order by b.collection_id, b.id
limit $5::int;
