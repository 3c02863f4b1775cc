-- conversations/delete_expired :value
-- Deletes expired conversations of one user, as conversations/delete does. Conversations whose expiry was
-- extended meanwhile stay. Locked rows are skipped; the next sweep finds them again.
-- $1 user_id          uuid    the tenant
-- $2 conversation_ids uuid[]  at most 1000
-- returns: deleted int8
-- index: conversations_pkey, message_jobs_pkey, conversations_expires_idx
with expired as materialized (
    select c.id
    from conversations as c
    where c.user_id = $1::uuid and c.id = any($2::uuid[]) and c.expires_at <= now()
    order by c.id
    for update skip locked
),

deleted as (
    delete from conversations as c
    using expired as e
    where c.user_id = $1::uuid and c.id = e.id
    returning c.id
),

unqueued as (
    delete from message_jobs as j
    using deleted as d
    where j.user_id = $1::uuid and j.conversation_id = d.id
)

select count(d.id) as deleted
from deleted as d;
