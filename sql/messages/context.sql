-- messages/context :many
-- The part of a conversation to send to a language model: its instructions (the messages of the roles system
-- and developer, at most the newest hundred), and the newest other messages whose tokens fit into the rest of
-- a budget; oldest first. Returns as many as fit into 4 MiB, the instructions first. The newest 64 fill
-- most budgets; older ones are read only if the budget has room. The cost does not depend on the length of
-- the conversation. If no message fits, the only row has position 0. The first row contains the documents and
-- the collections of the conversation. No row: the conversation does not exist.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 token_budget    int
-- $4 max_messages    int   in addition to the instructions; 1..1000
-- returns: as messages/list, message_count int8, document_ids uuid[],
--   collection_ids uuid[] null
-- index: messages_instructions_idx, messages_pkey, conversations_pkey, conversation_documents_pkey
-- length: the messages that fit are chosen before any text is read, in one round trip
-- plan: generic
with talk as materialized (
    select
        c.id,
        c.message_count,
        c.created_at,
        c.collection_ids,
        array(
            select cd.document_id
            from conversation_documents as cd
            where cd.user_id = $1::uuid and cd.conversation_id = c.id
            order by cd.document_id
            limit 1000
        ) as document_ids
    from conversations as c
    where c.user_id = $1::uuid and c.id = $2::uuid
),

instructions as materialized (
    select
        m.id,
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
    where m.user_id = $1::uuid and m.conversation_id = $2::uuid and m.role in ('system', 'developer')
    order by m.position desc
    limit 100
),

newest as materialized (
    select
        m.id,
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
        sum(m.token_count) over (
            order by m.position desc
            rows between unbounded preceding and current row
        ) as tokens
    from messages as m
    where
        m.user_id = $1::uuid
        and m.conversation_id = $2::uuid
        and m.role not in ('system', 'developer', 'item')
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
        m.parts,
        m.tool_calls,
        m.tool_call_id,
        m.name,
        m.metadata,
        m.sources,
        m.token_count,
        m.created_at,
        m.edited_at,
        (select s.tokens from seen as s) + sum(m.token_count) over (
            order by m.position desc
            rows between unbounded preceding and current row
        ) as tokens
    from messages as m
    where
        m.user_id = $1::uuid
        and m.conversation_id = $2::uuid
        and m.role not in ('system', 'developer', 'item')
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
        n.parts,
        n.tool_calls,
        n.tool_call_id,
        n.name,
        n.metadata,
        n.sources,
        n.token_count,
        n.created_at,
        n.edited_at,
        n.tokens
    from newest as n
    union all
    select
        o.id,
        o.position,
        o.role,
        o.content,
        o.parts,
        o.tool_calls,
        o.tool_call_id,
        o.name,
        o.metadata,
        o.sources,
        o.token_count,
        o.created_at,
        o.edited_at,
        o.tokens
    from older as o
),

kept as (
    select
        s.id,
        s.position,
        s.role,
        s.content,
        s.parts,
        s.tool_calls,
        s.tool_call_id,
        s.name,
        s.metadata,
        s.sources,
        s.token_count,
        s.created_at,
        s.edited_at
    from instructions as s
    union all
    select
        c.id,
        c.position,
        c.role,
        c.content,
        c.parts,
        c.tool_calls,
        c.tool_call_id,
        c.name,
        c.metadata,
        c.sources,
        c.token_count,
        c.created_at,
        c.edited_at
    from candidates as c
    where c.tokens <= $3::int - (select coalesce(sum(s.token_count), 0) from instructions as s)
),

sized as (
    select
        k.id,
        k.position,
        k.role,
        k.content,
        k.parts,
        k.tool_calls,
        k.tool_call_id,
        k.name,
        k.metadata,
        k.sources,
        k.token_count,
        k.created_at,
        k.edited_at,
        sum(
            coalesce(octet_length(k.content), 0)
            + coalesce(octet_length(k.parts::text), 0)
            + coalesce(octet_length(k.tool_calls::text), 0)
            + octet_length(k.metadata::text)
            + octet_length(k.sources::text)
        ) over (
            order by (k.role in ('system', 'developer')) desc, k.position desc
            rows between unbounded preceding and current row
        ) as bytes
    from kept as k
)

select
    coalesce(k.id, c.id) as id,
    c.id as conversation_id,
    coalesce(k.position, 0) as position,
    coalesce(k.role, 'system') as role,
    k.content,
    k.parts,
    k.tool_calls,
    k.tool_call_id,
    k.name,
    coalesce(k.metadata, '{}') as metadata,
    coalesce(k.sources, '[]') as sources,
    coalesce(k.token_count, 0) as token_count,
    coalesce(k.created_at, c.created_at) as created_at,
    k.edited_at,
    c.message_count,
    case when row_number() over (order by k.position) = 1 then c.document_ids else '{}' end as document_ids,
    case when row_number() over (order by k.position) = 1 then c.collection_ids end as collection_ids
from talk as c
left join sized as k on k.bytes <= 4194304
order by k.position
limit 1100;
