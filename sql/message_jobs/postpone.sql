-- message_jobs/postpone :exec
-- Returns a job whose attempt failed for a temporary reason to the queue, due again after a delay.
-- $1 user_id         uuid    the tenant
-- $2 conversation_id uuid
-- $3 lease           uuid    of the claim
-- $4 delay_s         float8  seconds until the next attempt
-- index: message_jobs_pkey
update message_jobs as j
set
    due_at = now() + make_interval(secs => $4::float8),
    lease = null,
    worker = null,
    tries = j.tries + 1,
    interruptions = greatest(0, j.interruptions - 1)
where j.user_id = $1::uuid and j.conversation_id = $2::uuid and j.lease = $3::uuid;
