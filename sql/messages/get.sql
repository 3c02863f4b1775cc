-- messages/get :one
-- One message of a conversation.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 message_id      uuid
-- returns: as messages/list
-- index: messages_id_idx
select
    m.id,
    m.conversation_id,
    m.position,
    m.role,
    m.content,
    m.parts,
    m.tool_calls,
    m.tool_call_id,
    m.name,
    m.metadata,
    m.sources,
    m.token_count,
    m.created_at,
    m.edited_at
from messages as m
where m.user_id = $1::uuid and m.conversation_id = $2::uuid and m.id = $3::uuid and m.role <> 'item';
