-- doctor/vector_range :one
-- The first and the last id of a tenant's vectors; `cabinet doctor` draws its samples between them.
-- $1 user_id uuid  the tenant
-- returns: first_id uuid null, last_id uuid null
-- index: chunk_vectors_pkey
select
    (
        select v.chunk_id
        from chunk_vectors as v
        where v.user_id = $1::uuid
        order by v.chunk_id asc
        limit 1
    ) as first_id,
    (
        select v.chunk_id
        from chunk_vectors as v
        where v.user_id = $1::uuid
        order by v.chunk_id desc
        limit 1
    ) as last_id;
