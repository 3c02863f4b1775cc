-- search/keyword :many
-- The chunks of one user that fit a query best by keywords: of the chunks that contain one of the query's
-- rarest terms, those with the highest sum of the weights of all its terms, ties by id.
-- $1 user_id         uuid         the tenant
-- $2 keys            int[] null   of the query's rarest words, or of one of `required`; null: all texts
-- $3 terms           sparsevec    all terms of the query, with their weights
-- $4 required        text[] null  regular expressions that the text must match; null: none
-- $5 required_keys   int[] null   keys that a text must contain in order to match them; null: none
-- $6 excluded        text[] null  regular expressions that the text must not match; null: none
-- $7 excluded_keys   int[] null   keys of which a text contains one if it matches; null: none
-- $8 document_ids    uuid[] null  null: all documents
-- $9 filters         jsonb null   null: no filter; else as document_matches() takes them
-- $10 collection_ids uuid[] null  only files of one of these collections; null: of any or none
-- $11 attributes     text null    a jsonpath on their attributes in the collection; null: any
-- $12 max_rows       int          1..200
-- returns: chunk_id uuid, document_id uuid, filename text, chunk_index int, content text,
--   token_count int, document_metadata jsonb, chunk_metadata jsonb, reading_id uuid, keyword_score float8
-- length: the conditions of exact phrases and of excluded words
-- index: document_contents_removed_idx, chunk_terms_keys_idx, chunk_terms_document_idx, documents_pkey,
--   chunks_pkey, documents_user_metadata_idx, collection_files_batch_idx, collection_files_seq_key
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
        and $9::jsonb is not null
        and document_matches($1::uuid, $9::jsonb, d)
),

collected as materialized (
    select f.document_id
    from collection_files as f
    where
        f.user_id = $1::uuid
        and collection_file_matches($10::uuid[], $8::uuid[], $11::text, f)
),

phrased as materialized (
    select c.id
    from chunks as c
    left join chunk_terms as t on t.user_id = $1::uuid and c.id = t.chunk_id
    where
        c.user_id = $1::uuid
        and $4::text[] is not null
        and ($2::int[] is null or t.keys && (select $2::int[]))
        and ($5::int[] is null or t.keys @> (select $5::int[]))
        and c.content ~* all($4::text[])
),

unwanted as materialized (
    select c.id
    from chunks as c
    left join chunk_terms as t on t.user_id = $1::uuid and c.id = t.chunk_id
    where
        c.user_id = $1::uuid
        and $6::text[] is not null
        and ($7::int[] is null or t.keys && (select $7::int[]))
        and c.content ~* any($6::text[])
),

best as materialized (
    select
        t.chunk_id,
        t.document_id,
        0 + (t.weights <#> $3::sparsevec) as distance
    from chunk_terms as t
    where
        t.user_id = $1::uuid
        and ($2::int[] is null or t.keys && (select $2::int[]))
        and ($10::uuid[] is not null or t.document_id not in (select r.document_id from removed as r))
        and ($8::uuid[] is null or $10::uuid[] is not null or t.document_id = any($8::uuid[]))
        and ($9::jsonb is null or t.document_id = any(array(select a.id from allowed as a)))
        and ($10::uuid[] is null or t.document_id = any(array(select e.document_id from collected as e)))
        and ($4::text[] is null or t.chunk_id in (select p.id from phrased as p))
        and ($6::text[] is null or t.chunk_id not in (select u.id from unwanted as u))
    order by distance, t.chunk_id
    limit $12::int
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
    -n.distance as keyword_score
from best as n
inner join chunks as c on c.user_id = $1::uuid and n.chunk_id = c.id
inner join documents as d on d.user_id = $1::uuid and n.document_id = d.id
order by n.distance, n.chunk_id
limit $12::int;
