-- search/exact :many
-- The chunks of one user most similar to a query, compared with every vector that the filters leave: exact,
-- ties by id. Adding 0 to the distance keeps the planner from an approximate index, which would silently lose
-- rows. The documents of a filter are an array, by which an index finds their rows; as a subquery, each row
-- of the tenant would be read and looked up in it.
-- $1 user_id        uuid         the tenant
-- $2 embedding      halfvec      of the query
-- $3 metric         text         cosine | l2 | inner_product
-- $4 threshold      float8 null  least similarity; null: any
-- $5 document_ids   uuid[] null  null: all documents
-- $6 filters        jsonb null   null: no filter; else as document_matches() takes them
-- $7 collection_ids uuid[] null  only files of one of these collections; null: of any or none
-- $8 attributes     text null    a jsonpath on their attributes in the collection; null: any
-- $9 max_rows       int          1..200
-- returns: chunk_id uuid, document_id uuid, filename text, chunk_index int, content text,
--   token_count int, document_metadata jsonb, chunk_metadata jsonb, reading_id uuid, similarity float8,
--   distance float8
-- length: filters of documents and of collections
-- index: chunk_vectors_signature_idx, documents_user_metadata_idx, documents_user_created_idx,
--   documents_pkey, chunks_pkey, chunk_vectors_pkey, document_contents_removed_idx, collection_files_seq_key
with nearest as (
    select
        v.chunk_id,
        v.document_id,
        0 + case $3::text
            when 'cosine' then v.embedding <=> $2::halfvec
            when 'l2' then v.embedding <-> $2::halfvec
            when 'inner_product' then v.embedding <#> $2::halfvec
        end as distance
    from chunk_vectors as v
    where
        v.user_id = $1::uuid
        and (
            $7::uuid[] is not null
            or v.document_id not in (
                select b.document_id
                from document_contents as b
                where b.user_id = $1::uuid and b.removed_at is not null
            )
        )
        and ($5::uuid[] is null or $7::uuid[] is not null or v.document_id = any($5::uuid[]))
        and (
            $6::jsonb is null
            or v.document_id = any(
                array(
                    select d.id
                    from documents as d
                    where
                        d.user_id = $1::uuid
                        and document_matches($1::uuid, $6::jsonb, d)
                )
            )
        )
        and (
            $7::uuid[] is null
            or v.document_id = any(
                array(
                    select f.document_id
                    from collection_files as f
                    where
                        f.user_id = $1::uuid
                        and collection_file_matches($7::uuid[], $5::uuid[], $8::text, f)
                )
            )
        )
    order by distance, v.chunk_id
    limit $9::int
),

scored as (
    select
        n.chunk_id,
        n.document_id,
        n.distance,
        case $3::text
            when 'cosine' then 1 - n.distance
            when 'l2' then 1 / (1 + n.distance)
            when 'inner_product' then -n.distance
        end as similarity
    from nearest as n
)

select
    s.chunk_id,
    coalesce(d.file_id, d.id) as document_id,
    d.filename,
    c.chunk_index,
    c.content,
    c.token_count,
    d.metadata as document_metadata,
    c.metadata as chunk_metadata,
    s.document_id as reading_id,
    s.similarity,
    s.distance
from scored as s
inner join chunks as c on c.user_id = $1::uuid and s.chunk_id = c.id
inner join documents as d on d.user_id = $1::uuid and s.document_id = d.id
where $4::float8 is null or s.similarity >= $4::float8
order by s.distance, s.chunk_id
limit $9::int;
