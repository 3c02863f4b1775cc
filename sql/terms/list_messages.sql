-- terms/list_messages :many
-- The next messages of a user in the order of conversation and position, with the text of those that have a
-- vector and no terms: as many as fit into a number of bytes, but at least one. Messages without a vector get
-- their terms together with the vector.
-- $1 user_id               uuid       the tenant
-- $2 after_conversation_id uuid null  of the last processed message; null: from the first
-- $3 after_position        int8 null
-- $4 max_bytes             int8
-- $5 max_rows              int        1..1000
-- returns: conversation_id uuid, position int8, role text, created_at timestamptz, name text null,
--   metadata jsonb, content text null
-- index: messages_pkey, message_vectors_pkey, message_terms_pkey
with following as (
    select
        m.conversation_id,
        m.position,
        m.role,
        m.created_at,
        m.name,
        m.metadata,
        m.content,
        coalesce(
            sum(octet_length(m.content)) over (
                order by m.conversation_id, m.position
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as bytes_before
    from messages as m
    where
        m.user_id = $1::uuid
        and ($2::uuid is null or (m.conversation_id, m.position) > ($2::uuid, $3::int8))
    order by m.conversation_id, m.position
    limit $5::int
)

select
    f.conversation_id,
    f.position,
    f.role,
    f.created_at,
    f.name,
    f.metadata,
    case when v.position is not null and t.position is null then f.content end as content
from following as f
left join message_vectors as v
    on
        v.user_id = $1::uuid
        and f.conversation_id = v.conversation_id
        and f.position = v.position
        and v.piece = 0
left join message_terms as t
    on t.user_id = $1::uuid and f.conversation_id = t.conversation_id and f.position = t.position
where f.bytes_before < $4::int8
order by f.conversation_id, f.position
limit $5::int;
