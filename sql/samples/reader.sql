-- samples/reader :one
-- The first reader of a user's first collection, for examples.
-- $1 user_id uuid  the tenant
-- returns: id text, reader_id text
-- index: collection_readers_pkey
select
    r.id::text as id,
    r.reader_id::text as reader_id
from collection_readers as r
where r.user_id = $1::uuid and r.reader_id is not null
order by r.collection_id, r.id
limit 1;
