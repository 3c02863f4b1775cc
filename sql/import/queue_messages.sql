-- import/queue_messages :exec
-- Queues imported conversations with messages that have no vector, starting at the first such message.
-- $1 user_id uuid  the tenant
-- index: messages_pkey, message_vectors_pkey
insert into message_jobs (user_id, conversation_id, again_from)
select
    $1::uuid as user_id,
    m.conversation_id,
    min(m.position) as again_from
from messages as m
where
    m.user_id = $1::uuid
    and m.content is not null
    and not exists (
        select v.piece
        from message_vectors as v
        where v.user_id = $1::uuid and v.conversation_id = m.conversation_id and v.position = m.position
    )
group by m.conversation_id;
