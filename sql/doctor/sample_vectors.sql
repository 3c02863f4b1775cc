-- doctor/sample_vectors :many
-- For each given id, the first vector of the tenant at or after it. With noise added, they are the queries
-- with which `cabinet doctor` measures recall. One lookup in the primary key for each.
-- $1 user_id  uuid    the tenant
-- $2 from_ids uuid[]
-- $3 max_rows int     1..100
-- returns: chunk_id uuid, embedding halfvec
-- index: chunk_vectors_pkey
with picked as (
    select
        (
            select v.chunk_id
            from chunk_vectors as v
            where v.user_id = $1::uuid and v.chunk_id >= f.id
            order by v.chunk_id
            limit 1
        ) as chunk_id
    from unnest($2::uuid[]) as f (id)
)

select
    v.chunk_id,
    v.embedding
from picked as p
inner join chunk_vectors as v on v.user_id = $1::uuid and p.chunk_id = v.chunk_id
order by v.chunk_id
limit $3::int;
