-- search/hybrid_index :many
-- The chunks of one large tenant that fit a query best by meaning and by keywords together, as
-- search/hybrid_exact finds them, except that the hundred nearest by meaning come through the tenant's own
-- HNSW index (search/index). If the index gives fewer than candidates, they come from a comparison of all
-- signatures, and the lane says so. The keys contain the tenant, so `is true` keeps the planner from reading
-- all of the tenant's rows in another index beside them.
-- $1  user_id        uuid         the tenant
-- $2  embedding      halfvec      of the query
-- $3  signature      varbit       of the query
-- $4  candidates     int          vectors that are compared exactly
-- $5  keys           int[] null   of the query's rarest terms; null: nothing is found by keywords
-- $6  terms          sparsevec    all terms of the query, with their weights
-- $7  keyword_weight float8       0..1; the rest is the weight of the meaning
-- $8  threshold      float8 null  least similarity; null: any
-- $9  max_rows       int          1..200
-- $10 left_1         int[]        of frequent words; a chunk with one of them and one of right_1 is found too
-- $11 right_1        int[]
-- $12 left_2         int[]        likewise with right_2
-- $13 right_2        int[]
-- returns: as search/hybrid_exact, lane text
-- length: two searches and the fusion of their results
-- index: document_contents_removed_idx, chunk_vectors_hnsw_…, chunk_vectors_signature_idx,
--   chunk_vectors_pkey, chunk_terms_keys_idx, chunk_terms_pkey, documents_pkey, chunks_pkey
with removed as materialized (
    select b.document_id
    from document_contents as b
    where b.user_id = $1::uuid and b.removed_at is not null
),

by_index as materialized (
    select
        v.chunk_id,
        v.embedding <=> $2::halfvec as distance
    from chunk_vectors as v
    where
        v.user_id = $1::uuid
        and v.document_id not in (select r.document_id from removed as r)
    order by v.signature <~> $3::varbit
    limit $4::int
),

by_signature as materialized (
    select
        v.chunk_id,
        v.embedding <=> $2::halfvec as distance
    from (
        select s.chunk_id
        from chunk_vectors as s
        where
            s.user_id = $1::uuid
            and (select count(i.chunk_id) from by_index as i) < $4::int
            and s.document_id not in (select r.document_id from removed as r)
        order by hamming_distance(s.signature, $3::varbit)
        limit $4::int
    ) as s
    inner join chunk_vectors as v on v.user_id = $1::uuid and s.chunk_id = v.chunk_id
),

by_meaning as materialized (
    select
        n.chunk_id,
        n.distance
    from (
        select
            i.chunk_id,
            i.distance
        from by_index as i
        union
        select
            s.chunk_id,
            s.distance
        from by_signature as s
    ) as n
    order by n.distance, n.chunk_id
    limit 100
),

by_keywords as materialized (
    select
        t.chunk_id,
        0 + (t.weights <#> $6::sparsevec) as distance
    from chunk_terms as t
    where
        (t.user_id = $1::uuid) is true
        and (
            t.keys && (select $5::int[])
            or (t.keys && (select $10::int[]) and t.keys && (select $11::int[]))
            or (t.keys && (select $12::int[]) and t.keys && (select $13::int[]))
        )
        and t.document_id not in (select r.document_id from removed as r)
    order by distance, t.chunk_id
    limit 100
),

candidates as materialized (
    select
        coalesce(m.chunk_id, k.chunk_id) as chunk_id,
        coalesce(
            m.distance,
            (
                select v.embedding <=> $2::halfvec
                from chunk_vectors as v
                where v.user_id = $1::uuid and k.chunk_id = v.chunk_id
            )
        ) as distance,
        coalesce(
            0 - k.distance,
            (
                select 0 - (t.weights <#> $6::sparsevec)
                from chunk_terms as t
                where t.user_id = $1::uuid and m.chunk_id = t.chunk_id
            ),
            0
        ) as keyword_score
    from by_meaning as m
    full outer join by_keywords as k on m.chunk_id = k.chunk_id
),

scored as (
    select
        n.chunk_id,
        n.distance,
        1 - n.distance as similarity,
        n.keyword_score
    from candidates as n
    where n.distance is not null
),

extremes as materialized (
    select
        min(s.similarity) as least_similarity,
        nullif(max(s.similarity) - min(s.similarity), 0) as similarity_range,
        min(s.keyword_score) as least_keyword_score,
        nullif(max(s.keyword_score) - min(s.keyword_score), 0) as keyword_range
    from scored as s
),

fused as (
    select
        s.chunk_id,
        s.similarity,
        s.distance,
        s.keyword_score,
        $7::float8 * coalesce(
            (s.keyword_score - e.least_keyword_score) / e.keyword_range, (s.keyword_score > 0)::int
        )
        + (1 - $7::float8) * coalesce((s.similarity - e.least_similarity) / e.similarity_range, 1) as score
    from scored as s
    cross join extremes as e
    where $8::float8 is null or s.similarity >= $8::float8
    order by score desc, s.chunk_id asc
    limit $9::int
)

select
    f.chunk_id,
    coalesce(d.file_id, d.id) as document_id,
    d.filename,
    c.chunk_index,
    c.content,
    c.token_count,
    d.metadata as document_metadata,
    c.metadata as chunk_metadata,
    c.document_id as reading_id,
    f.similarity,
    f.distance,
    f.keyword_score,
    f.score,
    case when exists (select s.chunk_id from by_signature as s) then 'bits' else 'index' end as lane
from fused as f
inner join chunks as c on c.user_id = $1::uuid and f.chunk_id = c.id
inner join documents as d on d.user_id = $1::uuid and c.document_id = d.id
order by f.score desc, f.chunk_id asc
limit $9::int;
