-- message_search/exact :many
-- The messages of one user most similar to a query by cosine, compared with every vector that passes the
-- filters: exact, ties by conversation and position. Returns as many as fit into 4 MiB, but at least one. A
-- message of several pieces is as similar as its nearest piece.
-- $1 user_id         uuid              the tenant
-- $2 conversation_id uuid null         null: all conversations
-- $3 embedding       halfvec           of the query
-- $4 threshold       float8 null       lowest similarity; null: any
-- $5 roles           text[] null       null: all
-- $6 created_after   timestamptz null  at this time or later; null: any
-- $7 created_before  timestamptz null  before this time; null: any
-- $8 filters         jsonb null        null: no filter; otherwise in the form of message_matches()
-- $9 max_rows        int               1..100
-- returns: as messages/list, similarity float8, distance float8
-- index: message_vectors_pkey, messages_pkey, messages_id_idx
-- length: a message is returned with all that messages/list returns
with passing as materialized (
    select
        m.conversation_id,
        m.position
    from messages as m
    where
        m.user_id = $1::uuid
        and $8::jsonb is not null
        and ($2::uuid is null or m.conversation_id = $2::uuid)
        and message_matches($1::uuid, $8::jsonb, m)
),

nearest as (
    select
        v.conversation_id,
        v.position,
        min(v.embedding <=> $3::halfvec) as distance
    from message_vectors as v
    where
        v.user_id = $1::uuid
        and ($2::uuid is null or v.conversation_id = $2::uuid)
        and ($5::text[] is null or v.role = any($5::text[]))
        and ($6::timestamptz is null or v.created_at >= $6::timestamptz)
        and ($7::timestamptz is null or v.created_at < $7::timestamptz)
        and (
            $8::jsonb is null
            or (v.conversation_id, v.position) in (
                select
                    g.conversation_id,
                    g.position
                from passing as g
            )
        )
    group by v.conversation_id, v.position
    order by distance, v.conversation_id, v.position
    limit $9::int
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
        n.distance,
        coalesce(
            sum(
                coalesce(octet_length(m.content), 0)
                + coalesce(octet_length(m.parts::text), 0)
                + coalesce(octet_length(m.tool_calls::text), 0)
                + octet_length(m.metadata::text)
                + octet_length(m.sources::text)
            ) over (
                order by n.distance, m.conversation_id, m.position
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as bytes_before
    from nearest as n
    inner join messages as m
        on m.user_id = $1::uuid and n.conversation_id = m.conversation_id and n.position = m.position
    where $4::float8 is null or 1 - n.distance >= $4::float8
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
    1 - f.distance as similarity,
    f.distance
from found as f
where f.bytes_before < 4194304
order by f.distance, f.conversation_id, f.position
limit $9::int;
