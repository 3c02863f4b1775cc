-- export/chunk_vectors :many
-- The vectors of one page of chunks, for an export.
-- $1 user_id   uuid    the tenant
-- $2 chunk_ids uuid[]  of export/chunks
-- $3 max_rows  int     the number of chunks, 1..1000
-- returns: chunk_id uuid, document_id uuid, embedding halfvec, signature bit
-- index: chunk_vectors_pkey
select
    v.chunk_id,
    v.document_id,
    v.embedding,
    v.signature
from chunk_vectors as v
where v.user_id = $1::uuid and v.chunk_id = any($2::uuid[])
order by v.chunk_id
limit $3::int;
