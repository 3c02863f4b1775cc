-- message_jobs/start :value
-- Up to which position the messages of a conversation have vectors; 0: none has. No row: the conversation is
-- gone, so this job has nothing to do.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- returns: position int8
-- index: conversations_pkey, message_vectors_pkey
select
    coalesce(
        (
            select v.position
            from message_vectors as v
            where v.user_id = $1::uuid and v.conversation_id = $2::uuid
            order by v.position desc
            limit 1
        ),
        0
    ) as position
from conversations as c
where c.user_id = $1::uuid and c.id = $2::uuid;
