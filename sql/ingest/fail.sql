-- ingest/fail :exec
-- Ends the ingestion of a document with a reason for its owner, if the attempt still holds it. A document
-- that was ingested again and has its old chunks becomes ready as before, unless its bytes were replaced.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 attempt     int   of the claim
-- $4 error       text  the problem and its solution
-- index: documents_pkey, ingestion_jobs_pkey
with dropped as (
    delete from ingestion_jobs as j
    where j.user_id = $1::uuid and j.document_id = $2::uuid and j.attempt = $3::int
)

update documents as d
set
    status = case when d.chunk_count > 0 and not d.has_new_content then 'ready' else 'error' end,
    progress = case when d.chunk_count > 0 and not d.has_new_content then 1 else d.progress end,
    error = $4::text,
    lease_expires_at = null,
    updated_at = now()
where d.user_id = $1::uuid and d.id = $2::uuid and d.attempt = $3::int and d.status = 'processing';
