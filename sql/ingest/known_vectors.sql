-- ingest/known_vectors :many
-- The given texts that the tenant has already stored, each with its vector, so that a worker embeds only new
-- texts. A database belongs to one embedding model, so equal texts have equal vectors. For a text that occurs
-- in many chunks, one chunk is read.
-- $1 user_id  uuid    the tenant
-- $2 hashes   uuid[]  the texts, as in chunks.content_hash, each once
-- $3 max_rows int     the number of hashes, 1..500
-- returns: content_hash uuid, embedding halfvec
-- index: chunks_content_hash_idx, chunk_vectors_pkey
with known as (
    select
        h.content_hash,
        (
            select c.id
            from chunks as c
            where c.user_id = $1::uuid and c.content_hash = h.content_hash
            order by c.content_hash
            limit 1
        ) as chunk_id
    from unnest($2::uuid[]) as h (content_hash)
    order by h.content_hash
    limit $3::int
)

select
    k.content_hash,
    v.embedding
from known as k
inner join chunk_vectors as v on v.user_id = $1::uuid and k.chunk_id = v.chunk_id
order by k.content_hash
limit $3::int;
