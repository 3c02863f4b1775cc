-- samples/chunks :one
-- Twenty chunks of a user, for examples: ids, documents, owners and content hashes, and the id of the first.
-- $1 user_id uuid  the tenant
-- returns: chunk_ids text null, document_ids text null, owner_ids text null, content_hashes text null,
--   chunk_id text null
-- index: chunks_pkey
select
    array_agg(c.id order by c.id)::text as chunk_ids,
    array_agg(c.document_id order by c.id)::text as document_ids,
    array_agg(c.user_id order by c.id)::text as owner_ids,
    array_agg(c.content_hash order by c.id)::text as content_hashes,
    (array_agg(c.id order by c.id))[1]::text as chunk_id
from (
    select
        k.id,
        k.document_id,
        k.user_id,
        k.content_hash
    from chunks as k
    where k.user_id = $1::uuid
    order by k.id
    limit 20
) as c;
