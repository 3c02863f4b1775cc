-- message_jobs/release :exec
-- Returns an unfinished job to the queue, due again after a delay; the attempt does not count as failed. The
-- claim no longer counts as interrupted, unless `is_interrupted`. If another worker has claimed the job
-- since, only the count changes. Does not wait for locks: a locked job stays as it is.
-- $1 user_id         uuid    the tenant
-- $2 conversation_id uuid
-- $3 lease           uuid    of the claim
-- $4 delay_s         float8  seconds until the next attempt
-- $5 is_interrupted  bool    whether the claim counts as interrupted
-- index: message_jobs_pkey
with held as materialized (
    select
        j.conversation_id,
        coalesce(j.lease = $3::uuid, false) as is_own
    from message_jobs as j
    where j.user_id = $1::uuid and j.conversation_id = $2::uuid
    for update skip locked
)

update message_jobs as j
set
    due_at = case when h.is_own then now() + make_interval(secs => $4::float8) else j.due_at end,
    lease = case when h.is_own then null else j.lease end,
    worker = case when h.is_own then null else j.worker end,
    interruptions = case when $5::bool then j.interruptions else greatest(0, j.interruptions - 1) end
from held as h
where j.user_id = $1::uuid and j.conversation_id = $2::uuid;
