-- samples/message_vector :one
-- A stored vector of a user's messages with its signature, which an example searches for.
-- $1 user_id uuid  the tenant
-- returns: conversation_id text, embedding text, signature text
-- index: message_vectors_pkey
select
    v.conversation_id::text as conversation_id,
    v.embedding::text as embedding,
    v.signature::text as signature
from message_vectors as v
where v.user_id = $1::uuid
order by v.conversation_id, v.position, v.piece
limit 1;
