-- search/exact_all :many
-- The chunks of one user most similar to a query by cosine, compared with every vector: search/exact without
-- filters, and planned once. A subquery for each row forces the lookups by key, since the estimates of a plan
-- for all tenants fit no large one. Adding 0 to the distance keeps the planner from an approximate index.
-- $1 user_id   uuid    the tenant
-- $2 embedding halfvec of the query
-- $3 max_rows  int     1..200
-- returns: as search/exact
-- index: chunk_vectors_pkey, document_contents_removed_idx, chunks_pkey, documents_pkey
-- plan: generic
with nearest as (
    select
        v.chunk_id,
        v.document_id,
        0 + (v.embedding <=> $2::halfvec) as distance
    from chunk_vectors as v
    where
        v.user_id = $1::uuid
        and v.document_id not in (
            select b.document_id
            from document_contents as b
            where b.user_id = $1::uuid and b.removed_at is not null
        )
    order by distance, v.chunk_id
    limit $3::int
)

select
    n.chunk_id,
    coalesce(d.file_id, n.document_id) as document_id,
    d.filename,
    c.chunk_index,
    c.content,
    c.token_count,
    d.metadata as document_metadata,
    c.metadata as chunk_metadata,
    n.document_id as reading_id,
    1 - n.distance as similarity,
    n.distance
from nearest as n
cross join
    lateral (
        select
            c.chunk_index,
            c.content,
            c.token_count,
            c.metadata
        from chunks as c
        where c.user_id = $1::uuid and n.chunk_id = c.id
        order by c.id
        limit 1
    ) as c
cross join
    lateral (
        select
            d.filename,
            d.metadata,
            d.file_id
        from documents as d
        where d.user_id = $1::uuid and n.document_id = d.id
        order by d.id
        limit 1
    ) as d
order by n.distance, n.chunk_id
limit $3::int;
