-- terms/queue_receiver :exec
-- In a transfer of documents: if the giver's texts are still waiting for terms, the transferred ones may have
-- none, so the receiver is also queued. An existing job of the receiver restarts.
-- $1 user_id uuid  the tenant
-- $2 to_user uuid  the receiver
-- index: term_jobs_pkey
insert into term_jobs as j (user_id)
select $2::uuid as user_id
from term_jobs as g
where g.user_id = $1::uuid
on conflict (user_id) do update
    set chunk_id = null, conversation_id = null, position = null, due_at = excluded.due_at;
