-- search/bits :many
-- The chunks of one user most similar to a query by cosine: the vectors whose signatures differ least from
-- the query's, read from the covering index alone, then compared exactly. Filters come before the signatures
-- are compared, so however few rows they leave, none is lost to them.
-- $1 user_id        uuid         the tenant
-- $2 embedding      halfvec      of the query
-- $3 signature      varbit       of the query
-- $4 candidates     int          vectors that are compared exactly
-- $5 threshold      float8 null  least similarity; null: any
-- $6 document_ids   uuid[] null  null: all documents
-- $7 filters        jsonb null   null: no filter; else as document_matches() takes them
-- $8 collection_ids uuid[] null  only files of one of these collections; null: of any or none
-- $9 attributes     text null    a jsonpath on their attributes in the collection; null: any
-- $10 max_rows      int          1..200
-- returns: as search/exact
-- length: filters of documents and of collections
-- index: chunk_vectors_signature_idx, chunk_vectors_pkey, documents_user_metadata_idx,
--   documents_user_created_idx, documents_pkey, chunks_pkey, document_contents_removed_idx,
--   collection_files_seq_key
with candidates as materialized (
    select v.chunk_id
    from chunk_vectors as v
    where
        v.user_id = $1::uuid
        and (
            $8::uuid[] is not null
            or v.document_id not in (
                select b.document_id
                from document_contents as b
                where b.user_id = $1::uuid and b.removed_at is not null
            )
        )
        and ($6::uuid[] is null or $8::uuid[] is not null or v.document_id = any($6::uuid[]))
        and (
            $7::jsonb is null
            or v.document_id = any(
                array(
                    select d.id
                    from documents as d
                    where
                        d.user_id = $1::uuid
                        and document_matches($1::uuid, $7::jsonb, d)
                )
            )
        )
        and (
            $8::uuid[] is null
            or v.document_id = any(
                array(
                    select f.document_id
                    from collection_files as f
                    where
                        f.user_id = $1::uuid
                        and collection_file_matches($8::uuid[], $6::uuid[], $9::text, f)
                )
            )
        )
    order by hamming_distance(v.signature, $3::varbit)
    limit $4::int
),

nearest as (
    select
        v.chunk_id,
        v.document_id,
        0 + (v.embedding <=> $2::halfvec) as distance
    from candidates as n
    inner join chunk_vectors as v on v.user_id = $1::uuid and n.chunk_id = v.chunk_id
    order by distance, v.chunk_id
    limit $10::int
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
where $5::float8 is null or 1 - n.distance >= $5::float8
order by n.distance, n.chunk_id
limit $10::int;
