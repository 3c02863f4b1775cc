-- documents/retry :one
-- Queues a failed document again with the full number of attempts, and its failed readings. The attempt
-- number keeps increasing, so that a worker that still runs an old attempt cannot interfere. No row: the
-- document does not exist, or neither it nor a reading of it has failed.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- returns: as documents/get
-- index: documents_pkey, documents_readings_idx, ingestion_jobs_pkey, documents_user_status_idx
with chosen as materialized (
    select d.id
    from documents as d
    where d.user_id = $1::uuid and (d.id = $2::uuid or d.file_id = $2::uuid) and d.status = 'error'
    order by d.id
    for update
),

failed as (
    update documents as d
    set status = 'processing', error = null, progress = 0, updated_at = now()
    from chosen as c
    where d.user_id = $1::uuid and d.id = c.id
    returning
        d.id,
        d.status,
        d.attempt,
        d.progress,
        d.updated_at
),

queued as (
    insert into ingestion_jobs as j (user_id, document_id, attempt)
    select
        $1::uuid as user_id,
        f.id as document_id,
        f.attempt
    from failed as f
    order by f.id
    on conflict (user_id, document_id) do update
        set attempt = greatest(j.attempt, excluded.attempt), tries = 0, interruptions = 0, due_at = now()
    returning j.document_id, pg_notify('cabinet_ingestion', '')
)

select
    d.id,
    d.filename,
    d.file_type,
    d.file_size,
    d.purpose,
    coalesce(f.status, d.status) as status,
    case when f.id is null then d.error end as error,
    d.attempt,
    d.lease_expires_at,
    coalesce(f.progress, d.progress) as progress,
    d.chunk_count,
    d.warnings,
    d.metadata,
    d.expires_at,
    d.created_at,
    coalesce(f.updated_at, d.updated_at) as updated_at
from documents as d
left join failed as f on d.id = f.id
where
    d.user_id = $1::uuid
    and d.id = $2::uuid
    and d.file_id is null
    and (select count(q.document_id) from queued as q) > 0;
