-- users/erase_documents :one
-- Erases the first documents of a user who has too many for one statement, with their bytes, chunks, vectors
-- and jobs: as many as fit into a number of chunks, but at least one. Returns the number of rows of each
-- table.
-- $1 user_id    uuid  the tenant
-- $2 max_chunks int8
-- $3 max_rows   int   documents at most, 1..10000
-- returns: documents int8, document_contents int8, chunks int8, chunk_vectors int8, ingestion_jobs int8,
--   conversation_documents int8
-- index: documents_pkey, chunk_vectors_signature_idx, chunks_document_index_key, ingestion_jobs_pkey,
--   conversation_documents_document_idx, document_contents_pkey
-- length: a batch goes from all tables of documents at once, and each table is counted
with held as (
    select
        d.id,
        d.chunk_count
    from documents as d
    where d.user_id = $1::uuid
    order by d.id
    limit $3::int
    for update
),

counted as (
    select
        h.id,
        sum(h.chunk_count) over (
            order by h.id
            rows between unbounded preceding and current row
        ) - h.chunk_count as chunks_before
    from held as h
),

chosen as (
    select c.id
    from counted as c
    where c.chunks_before < $2::int8
),

erased_vectors as (
    delete from chunk_vectors as v
    using chosen as c
    where v.user_id = $1::uuid and v.document_id = c.id
    returning v.chunk_id
),

erased_chunks as (
    delete from chunks as k
    using chosen as c
    where k.user_id = $1::uuid and k.document_id = c.id
    returning k.id
),

erased_contents as (
    delete from document_contents as b
    using chosen as c
    where b.user_id = $1::uuid and b.document_id = c.id
    returning b.document_id
),

erased_jobs as (
    delete from ingestion_jobs as j
    using chosen as c
    where j.user_id = $1::uuid and j.document_id = c.id
    returning j.document_id
),

erased_scopes as (
    delete from conversation_documents as s
    using chosen as c
    where s.user_id = $1::uuid and s.document_id = c.id
    returning s.document_id
),

erased_documents as (
    delete from documents as d
    using chosen as c
    where
        d.user_id = $1::uuid
        and d.id = c.id
        and (select count(*) from erased_vectors) >= 0
        and (select count(*) from erased_chunks) >= 0
        and (select count(*) from erased_contents) >= 0
        and (select count(*) from erased_scopes) >= 0
    returning d.id
)

select
    (select count(*) from erased_documents) as documents,
    (select count(*) from erased_contents) as document_contents,
    (select count(*) from erased_chunks) as chunks,
    (select count(*) from erased_vectors) as chunk_vectors,
    (select count(*) from erased_jobs) as ingestion_jobs,
    (select count(*) from erased_scopes) as conversation_documents;
