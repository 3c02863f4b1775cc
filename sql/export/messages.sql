-- export/messages :many
-- The messages of a range of conversations for an export: as many as fit into a number of bytes, but at least
-- one.
-- $1 user_id               uuid       the tenant
-- $2 first_conversation_id uuid       the first of the conversations
-- $3 last_conversation_id  uuid       the last of them
-- $4 after_conversation_id uuid null  of the last message of the page before; null: from the first
-- $5 after_position        int8
-- $6 max_bytes             int8
-- $7 max_rows              int        1..1000
-- returns: conversation_id uuid, position int8, id uuid, role text, content text, sources jsonb,
--   token_count int, created_at timestamptz
-- index: messages_pkey
with following as (
    select
        m.conversation_id,
        m.position,
        m.id,
        m.role,
        m.content,
        m.sources,
        m.token_count,
        m.created_at,
        sum(octet_length(m.content) + pg_column_size(m.sources)) over (
            order by m.conversation_id, m.position
            rows between unbounded preceding and current row
        ) - octet_length(m.content) - pg_column_size(m.sources) as bytes_before
    from messages as m
    where
        m.user_id = $1::uuid
        and m.conversation_id between $2::uuid and $3::uuid
        and ($4::uuid is null or (m.conversation_id, m.position) > ($4::uuid, $5::int8))
    order by m.conversation_id, m.position
    limit $7::int
)

select
    f.conversation_id,
    f.position,
    f.id,
    f.role,
    f.content,
    f.sources,
    f.token_count,
    f.created_at
from following as f
where f.bytes_before < $6::int8
order by f.conversation_id, f.position
limit $7::int;
