-- message_jobs/renew :exec
-- Renews a worker's lease. No row: the lease was lost, or the conversation does not exist, and the worker
-- must stop.
-- $1 user_id         uuid    the tenant
-- $2 conversation_id uuid
-- $3 lease           uuid    of the claim
-- $4 lease_s         float8
-- index: message_jobs_pkey
update message_jobs as j
set due_at = now() + make_interval(secs => $4::float8)
where j.user_id = $1::uuid and j.conversation_id = $2::uuid and j.lease = $3::uuid;
