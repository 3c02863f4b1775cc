-- items/get :one
-- The row of messages that contains one item: by the position in an id that Cabinet generated, or by the id
-- that the client chose.
-- $1 user_id         uuid       the tenant
-- $2 conversation_id uuid
-- $3 position        int8 null  null: the client chose the id
-- $4 message_id      uuid null  the id of the row at that position
-- $5 item_id         text null  the id that the client chose; null: the other two are given
-- returns: as items/list
-- index: messages_pkey, messages_item_id_idx, messages_id_idx
select
    m.id,
    m.position,
    m.role,
    m.content,
    m.parts,
    m.tool_calls,
    m.tool_call_id,
    m.name,
    m.item
from messages as m
where
    m.user_id = $1::uuid
    and m.conversation_id = $2::uuid
    and ((m.position = $3::int8 and m.id = $4::uuid) or m.item ->> 'id' = $5::text);
