-- search/bits_all :many
-- The chunks of one user most similar to a query by cosine, found by their signatures and then compared
-- exactly: search/bits without filters, and planned once. A subquery for each row forces the lookups by key,
-- since the estimates of a plan for all tenants fit no large one.
-- $1 user_id    uuid    the tenant
-- $2 embedding  halfvec of the query
-- $3 signature  varbit  of the query
-- $4 candidates int     vectors that are compared exactly
-- $5 max_rows   int     1..200
-- returns: as search/exact
-- index: chunk_vectors_pkey, chunk_vectors_signature_idx, document_contents_removed_idx, chunks_pkey,
--   documents_pkey
-- plan: generic
-- length: a subquery for each lookup
with candidates as materialized (
    select v.chunk_id
    from chunk_vectors as v
    where
        v.user_id = $1::uuid
        and v.document_id not in (
            select b.document_id
            from document_contents as b
            where b.user_id = $1::uuid and b.removed_at is not null
        )
    order by hamming_distance(v.signature, $3::varbit)
    limit $4::int
),

nearest as (
    select
        n.chunk_id,
        v.document_id,
        v.distance
    from candidates as n
    cross join
        lateral (
            select
                v.document_id,
                0 + (v.embedding <=> $2::halfvec) as distance
            from chunk_vectors as v
            where v.user_id = $1::uuid and n.chunk_id = v.chunk_id
            order by v.chunk_id
            limit 1
        ) as v
    order by v.distance, n.chunk_id
    limit $5::int
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
limit $5::int;
