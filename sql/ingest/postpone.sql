-- ingest/postpone :exec
-- Returns a job after a temporary failure: due again after a delay, with the reason on the document
-- meanwhile.
-- $1 user_id     uuid    the tenant
-- $2 document_id uuid
-- $3 attempt     int     of the claim
-- $4 delay_s     float8  seconds until the next attempt
-- $5 error       text    what is being waited for
-- index: documents_pkey, ingestion_jobs_pkey
with postponed as (
    update ingestion_jobs as j
    set due_at = now() + make_interval(secs => $4::float8), worker = null
    where j.user_id = $1::uuid and j.document_id = $2::uuid and j.attempt = $3::int
)

update documents as d
set error = $5::text, lease_expires_at = null, updated_at = now()
where d.user_id = $1::uuid and d.id = $2::uuid and d.attempt = $3::int and d.status = 'processing';
