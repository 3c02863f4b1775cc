-- ingest/drop :exec
-- Removes a job whose document no longer exists or is already done.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 attempt     int   of the claim
-- index: ingestion_jobs_pkey
delete from ingestion_jobs as j
where j.user_id = $1::uuid and j.document_id = $2::uuid and j.attempt = $3::int;
