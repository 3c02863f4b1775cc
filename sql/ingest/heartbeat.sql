-- ingest/heartbeat :exec
-- Renews a worker's lease and shows its progress. No row: the lease was lost, and the worker must stop.
-- $1 user_id     uuid    the tenant
-- $2 document_id uuid
-- $3 attempt     int     of the claim
-- $4 lease_s     float8
-- $5 progress    real    0..1
-- index: documents_pkey, ingestion_jobs_pkey
with renewed as (
    update ingestion_jobs as j
    set due_at = now() + make_interval(secs => $4::float8)
    where j.user_id = $1::uuid and j.document_id = $2::uuid and j.attempt = $3::int
    returning j.due_at
)

update documents as d
set lease_expires_at = r.due_at, progress = greatest(d.progress, $5::real), updated_at = now()
from renewed as r
where d.user_id = $1::uuid and d.id = $2::uuid and d.attempt = $3::int and d.status = 'processing';
