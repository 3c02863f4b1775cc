-- documents/delete :exec
-- Deletes a document with its bytes, chunks and vectors (by cascade) and its job, and takes it off the
-- tenant's count.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- index: documents_pkey, ingestion_jobs_pkey, vector_counts_pkey
with deleted as (
    delete from documents as d
    where d.user_id = $1::uuid and d.id = $2::uuid
    returning d.id, d.chunk_count
),

unqueued as (
    delete from ingestion_jobs as j
    where j.user_id = $1::uuid and j.document_id = $2::uuid
),

uncounted as (
    update vector_counts as v
    set row_count = v.row_count - d.chunk_count
    from deleted as d
    where v.user_id = $1::uuid and d.chunk_count > 0
)

select d.id from deleted as d;
