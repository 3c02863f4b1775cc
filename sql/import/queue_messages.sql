-- import/queue_messages :exec
-- Queues the conversations of an import whose newest messages have no vector.
-- $1 user_id uuid  the tenant
-- index: conversations_pkey, message_vectors_pkey
insert into message_jobs (user_id, conversation_id)
select
    $1::uuid as user_id,
    c.id as conversation_id
from conversations as c
where
    c.user_id = $1::uuid
    and c.message_count > coalesce(
        (
            select v.position
            from message_vectors as v
            where v.user_id = $1::uuid and v.conversation_id = c.id
            order by v.position desc
            limit 1
        ),
        0
    );
