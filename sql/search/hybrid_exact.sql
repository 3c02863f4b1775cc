-- search/hybrid_exact :many
-- The chunks of one user that fit a query best by meaning and by keywords together. Candidates are the
-- hundred nearest of all vectors that the filters leave, and the hundred best of the chunks that contain one
-- of the query's rarest terms. Both scores of every candidate are exact. Each score is scaled to 0..1 between
-- the lowest and the highest of the candidates, and the sum of both, by weight, orders the result.
-- $1 user_id         uuid         the tenant
-- $2 embedding       halfvec      of the query
-- $3 metric          text         cosine | l2 | inner_product
-- $4 keys            int[] null   of the query's rarest words, or of one of `required`; null: all texts
-- $5 terms           sparsevec    all terms of the query, with their weights
-- $6 keyword_weight  float8       0..1; the rest is the weight of the meaning
-- $7 threshold       float8 null  least similarity; null: any
-- $8 required        text[] null  regular expressions that the text must match; null: none
-- $9 required_keys   int[] null   keys that a text must contain in order to match them; null: none
-- $10 excluded       text[] null  regular expressions that the text must not match; null: none
-- $11 excluded_keys  int[] null   keys of which a text contains one if it matches; null: none
-- $12 document_ids   uuid[] null  null: all documents
-- $13 filters        jsonb null   null: no filter; else as document_matches() takes them
-- $14 collection_ids uuid[] null  only files of one of these collections; null: of any or none
-- $15 attributes     text null    a jsonpath on their attributes in the collection; null: any
-- $16 max_rows       int          1..200
-- returns: chunk_id uuid, document_id uuid, filename text, chunk_index int, content text,
--   token_count int, document_metadata jsonb, chunk_metadata jsonb, reading_id uuid, similarity float8,
--   distance float8, keyword_score float8, score float8
-- length: two searches and the fusion of their results
-- index: document_contents_removed_idx, chunk_vectors_pkey, chunk_terms_keys_idx, chunk_terms_document_idx,
--   chunk_terms_pkey, documents_pkey, chunks_pkey, documents_user_metadata_idx, collection_files_batch_idx,
--   collection_files_seq_key, chunk_vectors_signature_idx
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
        and $13::jsonb is not null
        and document_matches($1::uuid, $13::jsonb, d)
),

collected as materialized (
    select f.document_id
    from collection_files as f
    where
        f.user_id = $1::uuid
        and collection_file_matches($14::uuid[], $12::uuid[], $15::text, f)
),

phrased as materialized (
    select c.id
    from chunks as c
    left join chunk_terms as t on t.user_id = $1::uuid and c.id = t.chunk_id
    where
        c.user_id = $1::uuid
        and $8::text[] is not null
        and ($4::int[] is null or t.keys && (select $4::int[]))
        and ($9::int[] is null or t.keys @> (select $9::int[]))
        and c.content ~* all($8::text[])
),

unwanted as materialized (
    select c.id
    from chunks as c
    left join chunk_terms as t on t.user_id = $1::uuid and c.id = t.chunk_id
    where
        c.user_id = $1::uuid
        and $10::text[] is not null
        and ($11::int[] is null or t.keys && (select $11::int[]))
        and c.content ~* any($10::text[])
),

by_meaning as materialized (
    select
        v.chunk_id,
        0 + case $3::text
            when 'cosine' then v.embedding <=> $2::halfvec
            when 'l2' then v.embedding <-> $2::halfvec
            when 'inner_product' then v.embedding <#> $2::halfvec
        end as distance
    from chunk_vectors as v
    where
        v.user_id = $1::uuid
        and ($14::uuid[] is not null or v.document_id not in (select r.document_id from removed as r))
        and ($12::uuid[] is null or $14::uuid[] is not null or v.document_id = any($12::uuid[]))
        and ($13::jsonb is null or v.document_id = any(array(select a.id from allowed as a)))
        and ($14::uuid[] is null or v.document_id = any(array(select e.document_id from collected as e)))
        and ($8::text[] is null or v.chunk_id in (select p.id from phrased as p))
        and ($10::text[] is null or v.chunk_id not in (select u.id from unwanted as u))
    order by distance, v.chunk_id
    limit 100
),

by_keywords as materialized (
    select
        t.chunk_id,
        0 + (t.weights <#> $5::sparsevec) as distance
    from chunk_terms as t
    where
        t.user_id = $1::uuid
        and ($4::int[] is null or t.keys && (select $4::int[]))
        and ($14::uuid[] is not null or t.document_id not in (select r.document_id from removed as r))
        and ($12::uuid[] is null or $14::uuid[] is not null or t.document_id = any($12::uuid[]))
        and ($13::jsonb is null or t.document_id = any(array(select a.id from allowed as a)))
        and ($14::uuid[] is null or t.document_id = any(array(select e.document_id from collected as e)))
        and ($8::text[] is null or t.chunk_id in (select p.id from phrased as p))
        and ($10::text[] is null or t.chunk_id not in (select u.id from unwanted as u))
    order by distance, t.chunk_id
    limit 100
),

candidates as materialized (
    select
        coalesce(m.chunk_id, k.chunk_id) as chunk_id,
        coalesce(
            m.distance,
            (
                select
                    case $3::text
                        when 'cosine' then v.embedding <=> $2::halfvec
                        when 'l2' then v.embedding <-> $2::halfvec
                        when 'inner_product' then v.embedding <#> $2::halfvec
                    end
                from chunk_vectors as v
                where v.user_id = $1::uuid and k.chunk_id = v.chunk_id
            )
        ) as distance,
        coalesce(
            0 - k.distance,
            (
                select 0 - (t.weights <#> $5::sparsevec)
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
        n.keyword_score,
        case $3::text
            when 'cosine' then 1 - n.distance
            when 'l2' then 1 / (1 + n.distance)
            when 'inner_product' then -n.distance
        end as similarity
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
        $6::float8 * coalesce(
            (s.keyword_score - e.least_keyword_score) / e.keyword_range, (s.keyword_score > 0)::int
        )
        + (1 - $6::float8) * coalesce((s.similarity - e.least_similarity) / e.similarity_range, 1) as score
    from scored as s
    cross join extremes as e
    where $7::float8 is null or s.similarity >= $7::float8
    order by score desc, s.chunk_id asc
    limit $16::int
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
limit $16::int;
