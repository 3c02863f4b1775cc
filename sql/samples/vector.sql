-- samples/vector :one
-- A stored vector of a user with its signature, which an example searches for.
-- $1 user_id uuid  the tenant
-- returns: embedding text, signature text
-- index: chunk_vectors_pkey
select
    v.embedding::text as embedding,
    v.signature::text as signature
from chunk_vectors as v
where v.user_id = $1::uuid
order by v.chunk_id
limit 1;
