-- file_batches/create :one
-- Creates a batch of files of a collection. No row: the collection does not exist or has expired.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- returns: id uuid, created_at timestamptz
-- index: collections_pkey
insert into file_batches as b (user_id, collection_id)
select
    c.user_id,
    c.id as collection_id
from collections as c
where c.user_id = $1::uuid and c.id = $2::uuid and has_not_expired(c)
returning b.id, b.created_at;
