-- ingest/heartbeat :exec
-- Renews a worker's lease and stores its progress, unless another session has locked the document. No row:
-- the lease was lost, and the worker must stop.
-- $1 user_id     uuid    the tenant
-- $2 document_id uuid
-- $3 attempt     int     of the claim
-- $4 lease_s     float8
-- $5 progress    real    0..1
-- index: documents_pkey, ingestion_jobs_pkey
with held as materialized (
    select d.id
    from documents as d
    where d.user_id = $1::uuid and d.id = $2::uuid and d.attempt = $3::int and d.status = 'processing'
    for no key update skip locked
),

shown as (
    update documents as d
    set
        lease_expires_at = now() + make_interval(secs => $4::float8),
        progress = greatest(d.progress, $5::real),
        updated_at = now()
    from held
    where d.user_id = $1::uuid and d.id = $2::uuid
)

update ingestion_jobs as j
set due_at = now() + make_interval(secs => $4::float8)
where j.user_id = $1::uuid and j.document_id = $2::uuid and j.attempt = $3::int;
