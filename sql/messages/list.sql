-- messages/list :many
-- The messages of one conversation in order, as many as fit into 4 MiB, but at least one; no row also if the
-- conversation does not belong to the user.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 after           int8  the last position of the page before; 0: from the first
-- $4 max_rows        int   1..1000
-- returns: id uuid, conversation_id uuid, position int8, role text, content text, sources jsonb,
--   token_count int, created_at timestamptz
-- index: messages_pkey
with following as (
    select
        m.id,
        m.conversation_id,
        m.position,
        m.role,
        m.content,
        m.sources,
        m.token_count,
        m.created_at,
        sum(octet_length(m.content) + octet_length(m.sources::text)) over (
            order by m.position
            rows between unbounded preceding and current row
        ) - octet_length(m.content) - octet_length(m.sources::text) as bytes_before
    from messages as m
    where m.user_id = $1::uuid and m.conversation_id = $2::uuid and m.position > $3::int8
    order by m.position
    limit $4::int
)

select
    f.id,
    f.conversation_id,
    f.position,
    f.role,
    f.content,
    f.sources,
    f.token_count,
    f.created_at
from following as f
where f.bytes_before < 4194304
order by f.position
limit $4::int;
