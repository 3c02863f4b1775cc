-- messages/list :many
-- The messages of one conversation in order, as many as fit into 4 MiB, but at least one, without items that
-- are not messages; no rows if the conversation belongs to another user.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 after           int8  the last position of the previous page; 0: from the first
-- $4 max_rows        int   1..1000
-- returns: id uuid, conversation_id uuid, position int8, role text, content text null, parts jsonb null,
--   tool_calls jsonb null, tool_call_id text null, name text null, metadata jsonb, sources jsonb,
--   token_count int, created_at timestamptz, edited_at timestamptz null
-- index: messages_pkey
with following as (
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
        m.edited_at,
        coalesce(
            sum(
                coalesce(octet_length(m.content), 0)
                + coalesce(octet_length(m.parts::text), 0)
                + coalesce(octet_length(m.tool_calls::text), 0)
                + octet_length(m.metadata::text)
                + octet_length(m.sources::text)
            ) over (
                order by m.position
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as bytes_before
    from messages as m
    where
        m.user_id = $1::uuid and m.conversation_id = $2::uuid and m.position > $3::int8
        and m.role <> 'item'
    order by m.position
    limit $4::int
)

select
    f.id,
    f.conversation_id,
    f.position,
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
    f.edited_at
from following as f
where f.bytes_before < 4194304
order by f.position
limit $4::int;
