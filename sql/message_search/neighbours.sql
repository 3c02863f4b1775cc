-- message_search/neighbours :many
-- The messages before and after those that a search found, first those around the best message. Each message
-- is returned once, without those that the search found and without items that have no text. Returns as many
-- as fit into 4 MiB.
-- $1 user_id          uuid    the tenant
-- $2 conversation_ids uuid[]  of the messages found, best first
-- $3 positions        int8[]  of the same messages, in the same order
-- $4 distance         int     messages before and after each, 1..10
-- $5 max_rows         int     1..2000
-- returns: as messages/list, rank int8
-- index: messages_pkey
-- length: a message is returned with all that messages/list returns
with near as (
    select
        f.conversation_id,
        g.position,
        min(f.rank) as rank
    from unnest($2::uuid[], $3::int8[]) with ordinality as f (conversation_id, position, rank)
    cross join generate_series(f.position - $4::int, f.position + $4::int) as g (position)
    group by f.conversation_id, g.position
    having bool_and(f.position <> g.position)
),

found as (
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
        n.rank,
        coalesce(
            sum(
                coalesce(octet_length(m.content), 0)
                + coalesce(octet_length(m.parts::text), 0)
                + coalesce(octet_length(m.tool_calls::text), 0)
                + octet_length(m.metadata::text)
                + octet_length(m.sources::text)
            ) over (
                order by n.rank, m.conversation_id, m.position
                rows between unbounded preceding and current row
            ),
            0
        ) as bytes
    from near as n
    inner join messages as m
        on m.user_id = $1::uuid and n.conversation_id = m.conversation_id and n.position = m.position
    where m.role <> 'item'
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
    f.edited_at,
    f.rank
from found as f
where f.bytes < 4194304
order by f.rank, f.conversation_id, f.position
limit $5::int;
