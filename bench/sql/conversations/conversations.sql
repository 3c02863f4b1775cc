-- $2 conversations of user $1, each of $3 messages, the first of them the system's; their ids.
with made as (
    insert into conversations (user_id, title, message_count)
    select
        $1::uuid as user_id,
        'Conversation ' || n.number as title,
        $3::int as message_count
    from generate_series(1, $2::int) as n (number)
    returning user_id, id
),

said as (
    insert into messages (user_id, conversation_id, position, role, content, token_count, created_at)
    select
        m.user_id,
        m.id as conversation_id,
        p.position,
        case
            when p.position = 1 then 'system'
            when p.position % 2 = 0 then 'user'
            else 'assistant'
        end as role,
        'Message ' || p.position || repeat(': the Moon is about 384,400 km away, on average', 4) as content,
        48 as token_count,
        timestamptz '2026-01-01' + p.position * interval '1 second' as created_at
    from made as m
    cross join generate_series(1, $3::int) as p (position)
    order by p.position, m.id
)

select m.id
from made as m
order by m.id;
