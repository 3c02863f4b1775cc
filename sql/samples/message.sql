-- samples/message :one
-- The first message of a user's longest conversation, for examples.
-- $1 user_id uuid  the tenant
-- returns: conversation_id text, message_id text, position text
-- index: conversations_pkey, messages_pkey
select
    m.conversation_id::text as conversation_id,
    m.id::text as message_id,
    m.position::text as position
from messages as m
where
    m.user_id = $1::uuid
    and m.conversation_id = (
        select c.id
        from conversations as c
        where c.user_id = $1::uuid
        order by c.message_count desc, c.id desc
        limit 1
    )
order by m.position
limit 1;
