-- The newest $2 messages of each of a user's conversations the way of a window: all messages are numbered.
select
    n.id,
    n.conversation_id,
    n.role,
    n.content,
    n.created_at
from (
    select
        m.id,
        m.conversation_id,
        m.role,
        m.content,
        m.created_at,
        row_number() over (partition by m.conversation_id order by m.created_at desc) as number
    from seed.messages as m
    inner join seed.conversations as c on m.conversation_id = c.id
    where c.user_id = $1::uuid
) as n
where n.number <= $2::int
order by n.conversation_id, n.created_at;
