-- items/list :many
-- The rows of messages whose items the OpenAI API lists, in ascending or descending order: as many as fit
-- into 4 MiB, but at least one. A row with the role item is returned as its item; other rows are converted to
-- one or more items.
-- $1 user_id         uuid       the tenant
-- $2 conversation_id uuid
-- $3 from_position   int8 null  the first position of the page; null: from the beginning, or from the end
-- $4 descending      bool       from the newest
-- $5 max_rows        int        1..102
-- returns: id uuid, position int8, role text, content text null, parts jsonb null, tool_calls jsonb null,
--   tool_call_id text null, name text null, item jsonb null
-- index: messages_pkey
with following as (
    select
        m.id,
        m.position,
        m.role,
        m.content,
        m.parts,
        m.tool_calls,
        m.tool_call_id,
        m.name,
        m.item,
        coalesce(octet_length(m.content), 0)
        + coalesce(octet_length(m.parts::text), 0)
        + coalesce(octet_length(m.tool_calls::text), 0)
        + coalesce(octet_length(m.item::text), 0) as bytes
    from messages as m
    where
        m.user_id = $1::uuid
        and m.conversation_id = $2::uuid
        and case
            when $3::int8 is null then true
            when $4::bool then m.position <= $3::int8
            else m.position >= $3::int8
        end
    order by case when not $4::bool then m.position end, case when $4::bool then m.position end desc
    limit $5::int
),

sized as (
    select
        f.id,
        f.position,
        f.role,
        f.content,
        f.parts,
        f.tool_calls,
        f.tool_call_id,
        f.name,
        f.item,
        sum(f.bytes) over (
            order by case when $4::bool then -f.position else f.position end
            rows between unbounded preceding and current row
        ) - f.bytes as bytes_before
    from following as f
)

select
    s.id,
    s.position,
    s.role,
    s.content,
    s.parts,
    s.tool_calls,
    s.tool_call_id,
    s.name,
    s.item
from sized as s
where s.bytes_before < 4194304
order by case when $4::bool then -s.position else s.position end
limit $5::int;
