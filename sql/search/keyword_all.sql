-- search/keyword_all :many
-- The chunks of one user that fit a query best by keywords: search/keyword without filters and conditions,
-- and planned once. A subquery for each row forces the lookups by key, since the estimates of a plan for all
-- tenants fit no large one. The keys contain the tenant, so `is true` keeps the planner from reading all of
-- the tenant's rows in another index beside them.
-- $1 user_id  uuid        the tenant
-- $2 keys     int[] null  of the query's rarest words; null: nothing is found
-- $3 terms    sparsevec   all terms of the query, with their weights
-- $4 max_rows int         1..200
-- $5 left_1   int[]       of frequent words; a chunk with one of them and one of right_1 is found too
-- $6 right_1  int[]
-- $7 left_2   int[]       likewise with right_2
-- $8 right_2  int[]
-- returns: as search/keyword
-- index: document_contents_removed_idx, chunk_terms_keys_idx, documents_pkey, chunks_pkey
-- plan: generic
with best as (
    select
        t.chunk_id,
        t.document_id,
        0 + (t.weights <#> $3::sparsevec) as distance
    from chunk_terms as t
    where
        (t.user_id = $1::uuid) is true
        and (
            t.keys && (select $2::int[])
            or (t.keys && (select $5::int[]) and t.keys && (select $6::int[]))
            or (t.keys && (select $7::int[]) and t.keys && (select $8::int[]))
        )
        and t.document_id not in (
            select b.document_id
            from document_contents as b
            where b.user_id = $1::uuid and b.removed_at is not null
        )
    order by distance, t.chunk_id
    limit $4::int
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
    -n.distance as keyword_score
from best as n
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
limit $4::int;
