-- samples/message_terms :one
-- The terms of a stored message of a user, which an example searches for.
-- $1 user_id uuid  the tenant
-- returns: term_keys text, weights text, conversation_ids text, positions text
-- index: message_terms_pkey
select
    t.keys[1:3]::text as term_keys,
    t.weights::text as weights,
    array[t.conversation_id]::text as conversation_ids,
    array[t.position]::text as positions
from message_terms as t
where t.user_id = $1::uuid
order by t.conversation_id, t.position
limit 1;
