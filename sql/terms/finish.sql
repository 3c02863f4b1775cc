-- terms/finish :exec
-- Removes a job whose user has no more texts without terms, unless it was queued again in the meantime.
-- $1 user_id         uuid       the tenant
-- $2 conversation_id uuid null  the recorded progress; null: chunks may have been left
-- $3 position        int8 null
-- index: term_jobs_pkey
delete from term_jobs as j
where
    j.user_id = $1::uuid
    and j.conversation_id is not distinct from $2::uuid
    and j.position is not distinct from $3::int8;
