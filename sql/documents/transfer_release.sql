-- documents/transfer_release :exec
-- Deletes the originals of transferred documents with their bytes, after their chunks have been moved, and
-- moves their jobs to the receiver. A job that a worker holds is due again at once.
-- $1 user_id      uuid    the tenant
-- $2 to_user      uuid    the receiver
-- $3 document_ids uuid[]  each once, at most 1000; held by documents/hold
-- index: documents_pkey, document_contents_pkey, ingestion_jobs_pkey, documents_user_filename_idx
with removed as (
    delete from documents as d
    where d.user_id = $1::uuid and d.id = any($3::uuid[])
    returning d.id, d.attempt
),

removed_contents as (
    delete from document_contents as b
    using removed as r
    where b.user_id = $1::uuid and b.document_id = r.id
),

unqueued as (
    delete from ingestion_jobs as j
    using removed as r
    where j.user_id = $1::uuid and j.document_id = r.id
    returning
        j.document_id,
        j.tries,
        j.interruptions,
        j.due_at,
        j.worker,
        j.created_at,
        greatest(j.attempt, r.attempt) as attempt
),

planned_once as (
    select set_config('plan_cache_mode', 'force_generic_plan', true) as plan_mode
)

insert into ingestion_jobs (user_id, document_id, attempt, tries, interruptions, due_at, created_at)
select
    $2::uuid as user_id,
    u.document_id,
    1 + u.attempt as attempt,
    u.tries,
    case
        when u.worker is null then u.interruptions
        else greatest(0, u.interruptions - 1)
    end as interruptions,
    case when u.worker is null then u.due_at else now() end as due_at,
    u.created_at
from unqueued as u
where (select count(*) from planned_once) >= 0
returning pg_notify('cabinet_ingestion', '');
