-- messages/context :many
-- The part of a conversation to send to a language model: its system messages, at most the newest hundred,
-- and the newest other messages whose tokens fit into the rest of a budget; oldest first, and in all as many
-- as fit into 4 MiB, the system's first. The newest 64 fill most budgets; older ones are read only if the
-- budget has room. The cost does not depend on the length of the conversation.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 token_budget    int
-- $4 max_messages    int   besides the system's; 1..1000
-- returns: as messages/list, message_count int8
-- index: messages_system_idx, messages_pkey, conversations_pkey
-- length: the messages that fit are chosen before any text is read, in one round trip
with talk as materialized (
    select
        c.id,
        c.message_count
    from conversations as c
    where c.user_id = $1::uuid and c.id = $2::uuid
),

system_messages as materialized (
    select
        m.id,
        m.position,
        m.role,
        m.content,
        m.sources,
        m.token_count,
        m.created_at
    from messages as m
    where m.user_id = $1::uuid and m.conversation_id = $2::uuid and m.role = 'system'
    order by m.position desc
    limit 100
),

newest as materialized (
    select
        m.id,
        m.position,
        m.role,
        m.content,
        m.sources,
        m.token_count,
        m.created_at,
        sum(m.token_count) over (
            order by m.position desc
            rows between unbounded preceding and current row
        ) as tokens
    from messages as m
    where m.user_id = $1::uuid and m.conversation_id = $2::uuid and m.role <> 'system'
    order by m.position desc
    limit least(64, $4::int)
),

seen as (
    select
        min(n.position) as first_position,
        max(n.tokens) as tokens
    from newest as n
),

older as (
    select
        m.id,
        m.position,
        m.role,
        m.content,
        m.sources,
        m.token_count,
        m.created_at,
        (select s.tokens from seen as s) + sum(m.token_count) over (
            order by m.position desc
            rows between unbounded preceding and current row
        ) as tokens
    from messages as m
    where
        m.user_id = $1::uuid and m.conversation_id = $2::uuid and m.role <> 'system'
        and m.position < (select s.first_position from seen as s)
        and (select s.tokens from seen as s) < $3::int
    order by m.position desc
    limit greatest(0, $4::int - 64)
),

candidates as (
    select
        n.id,
        n.position,
        n.role,
        n.content,
        n.sources,
        n.token_count,
        n.created_at,
        n.tokens
    from newest as n
    union all
    select
        o.id,
        o.position,
        o.role,
        o.content,
        o.sources,
        o.token_count,
        o.created_at,
        o.tokens
    from older as o
),

kept as (
    select
        s.id,
        s.position,
        s.role,
        s.content,
        s.sources,
        s.token_count,
        s.created_at
    from system_messages as s
    union all
    select
        c.id,
        c.position,
        c.role,
        c.content,
        c.sources,
        c.token_count,
        c.created_at
    from candidates as c
    where c.tokens <= $3::int - (select coalesce(sum(s.token_count), 0) from system_messages as s)
),

sized as (
    select
        k.id,
        k.position,
        k.role,
        k.content,
        k.sources,
        k.token_count,
        k.created_at,
        sum(octet_length(k.content) + octet_length(k.sources::text)) over (
            order by (k.role = 'system') desc, k.position desc
            rows between unbounded preceding and current row
        ) as bytes
    from kept as k
)

select
    k.id,
    c.id as conversation_id,
    k.position,
    k.role,
    k.content,
    k.sources,
    k.token_count,
    k.created_at,
    c.message_count
from talk as c
cross join sized as k
where k.bytes <= 4194304
order by k.position
limit 1100;
