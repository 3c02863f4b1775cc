-- conversations/delete :value
-- Deletes a conversation with its messages and their vectors (by cascade) and its job, unless it has too many
-- messages for one statement: false, and conversations/erase_messages deletes those first. No row: there is
-- no such conversation.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 max_messages    int8
-- returns: is_deleted bool null
-- index: conversations_pkey, message_jobs_pkey
with deleted as (
    delete from conversations as c
    where c.user_id = $1::uuid and c.id = $2::uuid and c.message_count <= $3::int8
    returning c.id
),

unqueued as (
    delete from message_jobs as j
    using deleted as d
    where j.user_id = $1::uuid and j.conversation_id = d.id
)

select exists(select d.id from deleted as d) as is_deleted
from conversations as c
where c.user_id = $1::uuid and c.id = $2::uuid;
