-- conversations/count_matching :value
-- The number of a user's conversations that match filters, counted up to `max_count`.
-- $1 user_id          uuid         the tenant
-- $2 conversation_ids uuid[] null  null: all conversations; at most 100
-- $3 filters          jsonb null   null: no filter; otherwise in the form of conversation_matches()
-- $4 max_count        int          1..10001
-- returns: matching int8
-- index: conversations_pkey
select count(m.id) as matching
from (
    select c.id
    from conversations as c
    where
        c.user_id = $1::uuid
        and ($2::uuid[] is null or c.id = any($2::uuid[]))
        and conversation_matches($1::uuid, $3::jsonb, c)
    order by c.id
    limit $4::int
) as m;
