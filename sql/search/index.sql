-- search/index :many
-- The chunks of one large tenant most similar to a query by cosine, through the tenant's own HNSW index of
-- signatures. Those that it gives are compared exactly, with the vector of the very row that the scan holds.
-- The scan goes on until there are enough (hnsw.iterative_scan, pinned on every connection). The plan must be
-- a custom one (plan_cache_mode, pinned too): only with the tenant's id in it can it use the partial index.
-- $1 user_id    uuid     the tenant
-- $2 embedding  halfvec  of the query
-- $3 signature  varbit   of the query
-- $4 candidates int      vectors that are compared exactly
-- $5 max_rows   int      1..200
-- returns: as search/exact
-- index: chunks_pkey, documents_pkey, chunk_vectors_hnsw_…, document_contents_removed_idx
with candidates as materialized (
    select
        v.chunk_id,
        v.document_id,
        v.embedding <=> $2::halfvec as distance
    from chunk_vectors as v
    where
        v.user_id = $1::uuid
        and v.document_id not in (
            select b.document_id
            from document_contents as b
            where b.user_id = $1::uuid and b.removed_at is not null
        )
    order by v.signature <~> $3::varbit
    limit $4::int
),

nearest as (
    select
        n.chunk_id,
        n.document_id,
        n.distance
    from candidates as n
    order by n.distance, n.chunk_id
    limit $5::int
)

select
    n.chunk_id,
    coalesce(d.file_id, d.id) as document_id,
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
inner join chunks as c on c.user_id = $1::uuid and n.chunk_id = c.id
inner join documents as d on d.user_id = $1::uuid and n.document_id = d.id
order by n.distance, n.chunk_id
limit $5::int;
