-- $1 users, each of whom gets $2 conversations of $3 messages.
with made as (
    insert into conversations (user_id, title, message_count)
    select
        u.user_id,
        'Conversation ' || n.number as title,
        $3::int as message_count
    from unnest($1::uuid[]) as u (user_id)
    cross join generate_series(1, $2::int) as n (number)
    returning user_id, id
)

insert into messages (user_id, conversation_id, position, role, content, token_count)
select
    m.user_id,
    m.id as conversation_id,
    p.position,
    (array['user', 'assistant'])[2 - p.position % 2] as role,
    'Message ' || p.position || repeat(': the Moon is about 384,400 km away, on average', 4) as content,
    48 as token_count
from made as m
cross join generate_series(1, $3::int) as p (position)
order by m.user_id, m.id, p.position;
