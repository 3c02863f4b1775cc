-- export/messages :many
-- The messages of a range of conversations for an export: as many as fit into a number of bytes, but at least
-- one.
-- $1 user_id               uuid       the tenant
-- $2 first_conversation_id uuid       the first of the conversations
-- $3 last_conversation_id  uuid       the last of them
-- $4 after_conversation_id uuid null  of the last message of the previous page; null: from the first
-- $5 after_position        int8
-- $6 max_bytes             int8
-- $7 max_rows              int        1..1000
-- returns: conversation_id uuid, position int8, id uuid, role text, content text null, parts jsonb null,
--   tool_calls jsonb null, tool_call_id text null, name text null, metadata jsonb, sources jsonb,
--   token_count int, created_at timestamptz, edited_at timestamptz null, item jsonb null
-- index: messages_pkey
with following as (
    select
        m.conversation_id,
        m.position,
        m.id,
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
        m.edited_at,
        m.item,
        coalesce(
            sum(
                coalesce(octet_length(m.content), 0)
                + coalesce(pg_column_size(m.parts), 0)
                + coalesce(pg_column_size(m.tool_calls), 0)
                + pg_column_size(m.metadata)
                + pg_column_size(m.sources)
                + coalesce(pg_column_size(m.item), 0)
            ) over (
                order by m.conversation_id, m.position
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as bytes_before
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
    f.parts,
    f.tool_calls,
    f.tool_call_id,
    f.name,
    f.metadata,
    f.sources,
    f.token_count,
    f.created_at,
    f.edited_at,
    f.item
from following as f
where f.bytes_before < $6::int8
order by f.conversation_id, f.position
limit $7::int;
