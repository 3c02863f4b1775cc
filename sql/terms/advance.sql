-- terms/advance :exec
-- Records the progress of a job, which is due again at once, for any worker.
-- $1 user_id         uuid       the tenant
-- $2 chunk_id        uuid null  the last chunk that is done; null: none
-- $3 conversation_id uuid null  of the last processed message; null: chunks may be left
-- $4 position        int8 null  of that message
-- index: term_jobs_pkey
update term_jobs as j
set due_at = now(), chunk_id = $2::uuid, conversation_id = $3::uuid, position = $4::int8
where j.user_id = $1::uuid;
