select
    m.id,
    m.conversation_id,
    m.role,
    m.content,
    m.sources::json as sources,
    m.token_count,
    m.created_at at time zone 'UTC' + m.position * interval '1 second' as created_at
from messages as m;
