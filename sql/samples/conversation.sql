-- samples/conversation :one
-- The conversation of a user with the most messages, for examples, and the position of the one in its middle.
-- $1 user_id uuid  the tenant
-- returns: conversation_id text, middle text
-- index: conversations_pkey
select
    c.id::text as conversation_id,
    (c.message_count / 2)::text as middle
from conversations as c
where c.user_id = $1::uuid
order by c.message_count desc, c.id asc
limit 1;
