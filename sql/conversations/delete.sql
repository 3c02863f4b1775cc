-- conversations/delete :exec
-- Deletes a conversation with its messages and their vectors (by cascade) and its job. The comparison with
-- the count is always true; it makes the second step wait for the first, so that locks are taken in the same
-- order as by an append and by a worker.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- index: conversations_pkey, message_jobs_pkey
with deleted as (
    delete from conversations as c
    where c.user_id = $1::uuid and c.id = $2::uuid
    returning c.id
),

unqueued as (
    delete from message_jobs as j
    where
        j.user_id = $1::uuid
        and j.conversation_id = $2::uuid
        and (select count(*) from deleted) >= 0
)

select d.id from deleted as d;
