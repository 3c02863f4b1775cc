-- message_jobs/pending :many
-- The next messages of a conversation that have a text and no vector, in order: as many as fit into a number
-- of bytes, but at least one.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 after           int8  the last position that is done
-- $4 max_bytes       int8
-- $5 max_rows        int   1..1000
-- returns: position int8, role text, content text, created_at timestamptz, name text null, metadata jsonb
-- index: messages_pkey, message_vectors_pkey
with following as (
    select
        m.position,
        m.role,
        m.content,
        m.created_at,
        m.name,
        m.metadata,
        sum(octet_length(m.content)) over (
            order by m.position
            rows between unbounded preceding and current row
        ) - octet_length(m.content) as bytes_before
    from messages as m
    where
        m.user_id = $1::uuid and m.conversation_id = $2::uuid and m.position > $3::int8
        and m.content is not null
        and not exists (
            select v.piece
            from message_vectors as v
            where v.user_id = $1::uuid and v.conversation_id = $2::uuid and v.position = m.position
        )
    order by m.position
    limit $5::int
)

select
    f.position,
    f.role,
    f.content,
    f.created_at,
    f.name,
    f.metadata
from following as f
where f.bytes_before < $4::int8
order by f.position
limit $5::int;
