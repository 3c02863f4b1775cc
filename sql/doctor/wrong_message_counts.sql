-- doctor/wrong_message_counts :many
-- Conversations of the given tenants whose stored number of messages differs from the actual one, or whose
-- next position is already used, for `cabinet doctor`. In a random order given by the seed, until the
-- messages reach a number; counts in the primary key.
-- $1 user_ids      uuid[]  the tenants
-- $2 seed          text    determines the order
-- $3 most_messages int8    the conversation that exceeds it is the last
-- $4 max_rows      int     1..1000
-- tenant: none, the administrator examines the sizes of all tenants; it reads no contents
-- returns: user_id uuid, conversation_id uuid, noted int8, counted int8, fix text
-- index: conversations_pkey, messages_pkey
with sampled as (
    select
        c.user_id,
        c.id,
        c.message_count,
        c.deleted_message_count,
        sum(c.message_count) over (order by md5(c.id::text || $2::text)) as total
    from conversations as c
    where c.user_id = any($1::uuid[])
)

select
    s.user_id,
    s.id as conversation_id,
    s.message_count as noted,
    m.counted,
    format(
        'update conversations set message_count = %s, deleted_message_count = %s '
        'where user_id = %L and id = %L;',
        m.counted, greatest(s.deleted_message_count, m.last_position - m.counted), s.user_id, s.id
    ) as fix
from sampled as s
cross join
    lateral (
        select
            count(*) as counted,
            coalesce(max(n.position), 0) as last_position
        from messages as n
        where n.user_id = s.user_id and n.conversation_id = s.id
    ) as m
where
    s.total - s.message_count <= $3::int8 and (
        s.message_count <> m.counted or s.message_count + s.deleted_message_count < m.last_position
    )
order by s.user_id, s.id
limit $4::int;
