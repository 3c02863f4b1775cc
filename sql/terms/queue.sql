-- terms/queue :exec
-- Queues a user who has texts without terms, after an import, which omits terms. An existing job restarts.
-- $1 user_id uuid  the tenant
-- index: term_jobs_pkey
insert into term_jobs as j (user_id)
values ($1::uuid)
on conflict (user_id) do update
    set chunk_id = null, conversation_id = null, position = null, due_at = excluded.due_at;
