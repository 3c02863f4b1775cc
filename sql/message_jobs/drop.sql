-- message_jobs/drop :exec
-- Removes a job whose conversation no longer exists, or whose messages the embedding provider rejects.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 lease           uuid  of the claim
-- index: message_jobs_pkey
delete from message_jobs as j
where j.user_id = $1::uuid and j.conversation_id = $2::uuid and j.lease = $3::uuid;
