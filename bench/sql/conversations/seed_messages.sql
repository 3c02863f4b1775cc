-- The same messages in the ORM's table.
insert into seed.messages (id, conversation_id, role, content, sources, token_count, created_at)
select
    m.id,
    m.conversation_id,
    m.role,
    m.content,
    '[]'::json as sources,
    m.token_count,
    m.created_at at time zone 'UTC' as created_at
from messages as m
order by m.position, m.conversation_id;
