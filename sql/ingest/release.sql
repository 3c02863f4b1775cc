-- ingest/release :exec
-- Returns a job when its worker is told to stop: due immediately, and the try does not count.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 attempt     int   of the claim
-- index: documents_pkey, ingestion_jobs_pkey
with shown as (
    update documents as d
    set lease_expires_at = null, updated_at = now()
    where d.user_id = $1::uuid and d.id = $2::uuid and d.attempt = $3::int and d.status = 'processing'
    returning d.id
)

update ingestion_jobs as j
set due_at = now(), tries = greatest(0, j.tries - 1), worker = null
from shown as s
where j.user_id = $1::uuid and j.document_id = s.id and j.attempt = $3::int
returning pg_notify('cabinet_ingestion', '');
