-- ingest/release :exec
-- Returns an unfinished job to the queue, due again after a delay; the attempt does not count as failed. The
-- claim no longer counts as interrupted, unless `is_interrupted`. If another worker has claimed the job
-- since, only the count changes. Does not wait for locks: a document that another session has locked keeps
-- its lease time, and a locked job stays as it is.
-- $1 user_id        uuid    the tenant
-- $2 document_id    uuid
-- $3 attempt        int     of the claim
-- $4 delay_s        float8  seconds until the next attempt
-- $5 is_interrupted bool    whether the claim counts as interrupted
-- index: documents_pkey, ingestion_jobs_pkey
with shown as materialized (
    select d.id
    from documents as d
    where d.user_id = $1::uuid and d.id = $2::uuid and d.attempt = $3::int and d.status = 'processing'
    for no key update skip locked
),

cleared as (
    update documents as d
    set lease_expires_at = null, updated_at = now()
    from shown
    where d.user_id = $1::uuid and d.id = $2::uuid
),

held as materialized (
    select j.document_id
    from ingestion_jobs as j
    where j.user_id = $1::uuid and j.document_id = $2::uuid and j.attempt >= $3::int
    for update skip locked
)

update ingestion_jobs as j
set
    due_at = case when j.attempt = $3::int then now() + make_interval(secs => $4::float8) else j.due_at end,
    worker = case when j.attempt = $3::int then null else j.worker end,
    interruptions = case when $5::bool then j.interruptions else greatest(0, j.interruptions - 1) end
from held
where j.user_id = $1::uuid and j.document_id = $2::uuid
returning pg_notify('cabinet_ingestion', '');
