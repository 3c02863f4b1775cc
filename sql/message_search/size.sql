-- message_search/size :value
-- The number of vectors of a user's messages, or of one conversation's, counted only as far as the choice of
-- a lane requires.
-- $1 user_id         uuid       the tenant
-- $2 conversation_id uuid null  null: all conversations
-- $3 max_rows        int
-- returns: vector_count int8
-- index: message_vectors_pkey
select count(*) as vector_count
from (
    select v.position
    from message_vectors as v
    where v.user_id = $1::uuid and ($2::uuid is null or v.conversation_id = $2::uuid)
    order by v.user_id, v.conversation_id
    limit $3::int
) as v;
