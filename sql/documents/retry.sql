-- documents/retry :one
-- Queues a failed document again with the full number of attempts. The attempt number keeps increasing, so
-- that a worker that still runs an old attempt cannot interfere.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- returns: as documents/get
-- index: documents_pkey, ingestion_jobs_pkey
with failed as (
    update documents as d
    set status = 'processing', error = null, progress = 0, updated_at = now()
    where d.user_id = $1::uuid and d.id = $2::uuid and d.status = 'error' and d.file_id is null
    returning
        d.id,
        d.filename,
        d.file_type,
        d.file_size,
        d.purpose,
        d.status,
        d.error,
        d.attempt,
        d.lease_expires_at,
        d.progress,
        d.chunk_count,
        d.warnings,
        d.metadata,
        d.expires_at,
        d.created_at,
        d.updated_at
),

queued as (
    insert into ingestion_jobs as j (user_id, document_id, attempt)
    select
        $1::uuid as user_id,
        f.id as document_id,
        f.attempt
    from failed as f
    on conflict (user_id, document_id) do update
        set attempt = greatest(j.attempt, excluded.attempt), tries = 0, interruptions = 0, due_at = now()
    returning pg_notify('cabinet_ingestion', '')
)

select
    d.id,
    d.filename,
    d.file_type,
    d.file_size,
    d.purpose,
    d.status,
    d.error,
    d.attempt,
    d.lease_expires_at,
    d.progress,
    d.chunk_count,
    d.warnings,
    d.metadata,
    d.expires_at,
    d.created_at,
    d.updated_at
from failed as d
cross join queued;
