-- message_jobs/release :exec
-- Returns a job because more messages were appended or its worker is told to stop: due immediately, and the
-- try does not count.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 lease           uuid  of the claim
-- index: message_jobs_pkey
update message_jobs as j
set due_at = now(), tries = greatest(0, j.tries - 1), lease = null, worker = null
where j.user_id = $1::uuid and j.conversation_id = $2::uuid and j.lease = $3::uuid;
