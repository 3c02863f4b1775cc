-- doctor/sample_message_vectors :many
-- Vectors of a tenant's messages, one for each of the newest conversations that have any. With noise added,
-- they are the queries with which `cabinet doctor` measures recall.
-- $1 user_id  uuid    the tenant
-- $2 max_rows int     1..100
-- returns: conversation_id uuid, embedding halfvec
-- index: conversations_pkey, message_vectors_pkey
select
    s.conversation_id,
    s.embedding
from (
    select c.id
    from conversations as c
    where c.user_id = $1::uuid
    order by c.id desc
    limit 10 * $2::int
) as c
cross join
    lateral (
        select
            v.conversation_id,
            v.embedding
        from message_vectors as v
        where v.user_id = $1::uuid and v.conversation_id = c.id
        order by v.position, v.piece
        limit 1
    ) as s
order by s.conversation_id desc
limit $2::int;
