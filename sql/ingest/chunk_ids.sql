-- ingest/chunk_ids :many
-- Ids for the chunks of one document, from the function that generates all ids, in ascending order.
-- $1 chunk_count int
-- returns: id uuid
-- bound: by chunk_count, at most CABINET_MAX_CHUNKS
-- plan: generic
select uuidv7() as id
from generate_series(1, $1::int)
order by id;
