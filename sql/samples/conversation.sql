-- samples/conversation :one
-- A user's conversation with the most messages, and the position of the message in its middle, for examples.
-- $1 user_id uuid  the tenant
-- returns: conversation_id text, conversation_ids text, middle text
-- index: conversations_pkey
select
    c.id::text as conversation_id,
    array[c.id]::text as conversation_ids,
    (c.message_count / 2)::text as middle
from conversations as c
where c.user_id = $1::uuid
order by c.message_count desc, c.id desc
limit 1;
