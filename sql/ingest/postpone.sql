-- ingest/postpone :exec
-- Returns a job whose attempt ended for a temporary reason to the queue, due again after a delay. The
-- document shows the reason meanwhile, unless another session has locked it.
-- $1 user_id     uuid    the tenant
-- $2 document_id uuid
-- $3 attempt     int     of the claim
-- $4 delay_s     float8  seconds until the next attempt
-- $5 error       text    the reason for waiting
-- $6 is_failed   bool    whether the attempt counts as failed: the document may be the cause
-- index: documents_pkey, ingestion_jobs_pkey
with held as materialized (
    select d.id
    from documents as d
    where d.user_id = $1::uuid and d.id = $2::uuid and d.attempt = $3::int and d.status = 'processing'
    for no key update skip locked
),

shown as (
    update documents as d
    set error = $5::text, lease_expires_at = null, updated_at = now()
    from held
    where d.user_id = $1::uuid and d.id = $2::uuid
)

update ingestion_jobs as j
set
    due_at = now() + make_interval(secs => $4::float8),
    worker = null,
    tries = j.tries + $6::bool::int,
    interruptions = greatest(0, j.interruptions - 1)
where j.user_id = $1::uuid and j.document_id = $2::uuid and j.attempt = $3::int;
