-- search/hybrid_bits :many
-- The chunks of one user that fit a query best by meaning and by keywords together, as search/hybrid_exact
-- finds them, except that the hundred nearest by meaning are taken from the vectors whose signatures differ
-- least from the query's (search/bits).
-- $1 user_id         uuid         the tenant
-- $2 embedding       halfvec      of the query
-- $3 signature       varbit       of the query
-- $4 candidates      int          vectors that are compared exactly
-- $5 keys            int[] null   of the query's rarest words, or of one of `required`; null: all texts
-- $6 terms           sparsevec    all terms of the query, with their weights
-- $7 keyword_weight  float8       0..1; the rest is the weight of the meaning
-- $8 threshold       float8 null  least similarity; null: any
-- $9 required        text[] null  regular expressions that the text must match; null: none
-- $10 required_keys  int[] null   keys that a text must contain in order to match them; null: none
-- $11 excluded       text[] null  regular expressions that the text must not match; null: none
-- $12 excluded_keys  int[] null   keys of which a text contains one if it matches; null: none
-- $13 document_ids   uuid[] null  null: all documents
-- $14 filters        jsonb null   null: no filter; else as document_matches() takes them
-- $15 collection_ids uuid[] null  only files of one of these collections; null: of any or none
-- $16 attributes     text null    a jsonpath on their attributes in the collection; null: any
-- $17 max_rows       int          1..200
-- returns: as search/hybrid_exact
-- length: two searches and the fusion of their results
-- index: document_contents_removed_idx, chunk_vectors_signature_idx, chunk_vectors_pkey,
--   chunk_terms_keys_idx, chunk_terms_document_idx, chunk_terms_pkey, documents_pkey, chunks_pkey,
--   documents_user_metadata_idx, collection_files_batch_idx, collection_files_seq_key
with removed as materialized (
    select b.document_id
    from document_contents as b
    where b.user_id = $1::uuid and b.removed_at is not null
),

allowed as materialized (
    select d.id
    from documents as d
    where
        d.user_id = $1::uuid
        and $14::jsonb is not null
        and document_matches($1::uuid, $14::jsonb, d)
),

collected as materialized (
    select f.document_id
    from collection_files as f
    where
        f.user_id = $1::uuid
        and collection_file_matches($15::uuid[], $13::uuid[], $16::text, f)
),

phrased as materialized (
    select c.id
    from chunks as c
    left join chunk_terms as t on t.user_id = $1::uuid and c.id = t.chunk_id
    where
        c.user_id = $1::uuid
        and $9::text[] is not null
        and ($5::int[] is null or t.keys && (select $5::int[]))
        and ($10::int[] is null or t.keys @> (select $10::int[]))
        and c.content ~* all($9::text[])
),

unwanted as materialized (
    select c.id
    from chunks as c
    left join chunk_terms as t on t.user_id = $1::uuid and c.id = t.chunk_id
    where
        c.user_id = $1::uuid
        and $11::text[] is not null
        and ($12::int[] is null or t.keys && (select $12::int[]))
        and c.content ~* any($11::text[])
),

by_signature as materialized (
    select v.chunk_id
    from chunk_vectors as v
    where
        v.user_id = $1::uuid
        and ($15::uuid[] is not null or v.document_id not in (select r.document_id from removed as r))
        and ($13::uuid[] is null or $15::uuid[] is not null or v.document_id = any($13::uuid[]))
        and ($14::jsonb is null or v.document_id = any(array(select a.id from allowed as a)))
        and ($15::uuid[] is null or v.document_id = any(array(select e.document_id from collected as e)))
        and ($9::text[] is null or v.chunk_id in (select p.id from phrased as p))
        and ($11::text[] is null or v.chunk_id not in (select u.id from unwanted as u))
    order by hamming_distance(v.signature, $3::varbit)
    limit $4::int
),

by_meaning as materialized (
    select
        v.chunk_id,
        0 + (v.embedding <=> $2::halfvec) as distance
    from by_signature as s
    inner join chunk_vectors as v on v.user_id = $1::uuid and s.chunk_id = v.chunk_id
    order by distance, v.chunk_id
    limit 100
),

by_keywords as materialized (
    select
        t.chunk_id,
        0 + (t.weights <#> $6::sparsevec) as distance
    from chunk_terms as t
    where
        t.user_id = $1::uuid
        and ($5::int[] is null or t.keys && (select $5::int[]))
        and ($15::uuid[] is not null or t.document_id not in (select r.document_id from removed as r))
        and ($13::uuid[] is null or $15::uuid[] is not null or t.document_id = any($13::uuid[]))
        and ($14::jsonb is null or t.document_id = any(array(select a.id from allowed as a)))
        and ($15::uuid[] is null or t.document_id = any(array(select e.document_id from collected as e)))
        and ($9::text[] is null or t.chunk_id in (select p.id from phrased as p))
        and ($11::text[] is null or t.chunk_id not in (select u.id from unwanted as u))
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
    limit $17::int
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
    f.score
from fused as f
inner join chunks as c on c.user_id = $1::uuid and f.chunk_id = c.id
inner join documents as d on d.user_id = $1::uuid and c.document_id = d.id
order by f.score desc, f.chunk_id asc
limit $17::int;
