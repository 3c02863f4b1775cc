-- search/index_filtered :many
-- The chunks of one large tenant most similar to a query by cosine, among those that filters leave. Where
-- they leave many, the candidates come through the tenant's own HNSW index, whose scan goes on past the rows
-- that the filters refuse. Where they leave few, or the index gave too few, they come from the signatures of
-- just those documents. `is true` keeps the documents a hashed subplan, which the index's order survives; as
-- a join it would not. A branch that is not taken is not run.
-- $1 user_id        uuid         the tenant
-- $2 embedding      halfvec      of the query
-- $3 signature      varbit       of the query
-- $4 candidates     int          vectors that are compared exactly
-- $5 index_min_rows int          chunks that the filters must leave for the index to be worth it
-- $6 threshold      float8 null  least similarity; null: any
-- $7 document_ids   uuid[] null  null: all documents
-- $8 filters        jsonb null   null: no filter; else as document_matches() takes them
-- $9 collection_ids uuid[] null  only files of one of these collections; null: of any or none
-- $10 attributes    text null    a jsonpath on their attributes in the collection; null: any
-- $11 max_rows      int          1..200
-- returns: as search/exact, lane text
-- index: chunk_vectors_signature_idx, chunk_vectors_pkey, documents_user_metadata_idx,
--   documents_user_created_idx, documents_pkey, chunks_pkey, chunk_vectors_hnsw_…, collection_files_seq_key,
--   document_contents_removed_idx
-- length: two lanes, of which the number of chunks that the filters leave chooses one
with allowed as materialized (
    select
        d.id,
        d.chunk_count
    from documents as d
    where
        d.user_id = $1::uuid
        and d.chunk_count > 0
        and (
            $9::uuid[] is not null
            or d.id not in (
                select b.document_id
                from document_contents as b
                where b.user_id = $1::uuid and b.removed_at is not null
            )
        )
        and ($7::uuid[] is null or $9::uuid[] is not null or d.id = any($7::uuid[]))
        and document_matches($1::uuid, $8::jsonb, d)
        and (
            $9::uuid[] is null
            or d.id in (
                select f.document_id
                from collection_files as f
                where
                    f.user_id = $1::uuid
                    and collection_file_matches($9::uuid[], $7::uuid[], $10::text, f)
            )
        )
),

extent as materialized (
    select coalesce(sum(a.chunk_count), 0) as chunks
    from allowed as a
),

by_index as materialized (
    select
        v.chunk_id,
        v.document_id,
        v.embedding <=> $2::halfvec as distance
    from chunk_vectors as v
    where
        v.user_id = $1::uuid
        and (select e.chunks from extent as e) >= $5::int
        and (v.document_id in (select a.id from allowed as a)) is true
    order by v.signature <~> $3::varbit
    limit $4::int
),

by_scan as materialized (
    select v.chunk_id
    from chunk_vectors as v
    where
        v.user_id = $1::uuid
        and (select count(i.chunk_id) from by_index as i)
        < least($11::int, (select e.chunks from extent as e))
        and v.document_id = any(array(select a.id from allowed as a))
    order by hamming_distance(v.signature, $3::varbit)
    limit $4::int
),

candidates as (
    select
        v.chunk_id,
        v.document_id,
        v.embedding <=> $2::halfvec as distance,
        'bits' as lane
    from by_scan as s
    inner join chunk_vectors as v on v.user_id = $1::uuid and s.chunk_id = v.chunk_id
    union all
    select
        i.chunk_id,
        i.document_id,
        i.distance,
        'index' as lane
    from by_index as i
    where not exists (select s.chunk_id from by_scan as s)
),

nearest as (
    select
        n.chunk_id,
        n.document_id,
        n.distance,
        n.lane
    from candidates as n
    order by n.distance, n.chunk_id
    limit $11::int
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
    n.distance,
    n.lane
from nearest as n
inner join chunks as c on c.user_id = $1::uuid and n.chunk_id = c.id
inner join documents as d on d.user_id = $1::uuid and n.document_id = d.id
where $6::float8 is null or 1 - n.distance >= $6::float8
order by n.distance, n.chunk_id
limit $11::int;
