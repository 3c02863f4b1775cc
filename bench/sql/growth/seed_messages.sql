insert into seed.messages (id, conversation_id, role, content, sources, token_count, created_at)
select
    m.id,
    m.conversation_id,
    m.role,
    m.content,
    m.sources::json as sources,
    m.token_count,
    m.created_at at time zone 'UTC' + m.position * interval '1 second' as created_at
from messages as m
where m.user_id = any($1::uuid[]);
