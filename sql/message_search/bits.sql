-- message_search/bits :many
-- The messages of one user most similar to a query by cosine: those whose signatures differ least from the
-- query's, read with the filters by an index-only scan of the covering key, then compared exactly. A message
-- of several pieces is one candidate, as similar as its nearest piece. Returns as many as fit into 4 MiB, but
-- at least one.
-- $1 user_id         uuid              the tenant
-- $2 conversation_id uuid null         null: all conversations
-- $3 embedding       halfvec           of the query
-- $4 signature       varbit            of the query
-- $5 candidates      int               messages that are compared exactly
-- $6 threshold       float8 null       lowest similarity; null: any
-- $7 roles           text[] null       null: all
-- $8 created_after   timestamptz null  at this time or later; null: any
-- $9 created_before  timestamptz null  before this time; null: any
-- $10 filters        jsonb null        null: no filter; otherwise in the form of message_matches()
-- $11 max_rows       int               1..100
-- returns: as messages/list, similarity float8, distance float8
-- index: message_vectors_pkey, messages_pkey, messages_id_idx
-- length: candidates, the nearest of them, and those that fit into an answer, in one round trip
with passing as materialized (
    select
        m.conversation_id,
        m.position
    from messages as m
    where
        m.user_id = $1::uuid
        and $10::jsonb is not null
        and ($2::uuid is null or m.conversation_id = $2::uuid)
        and message_matches($1::uuid, $10::jsonb, m)
),

candidates as materialized (
    select
        v.conversation_id,
        v.position
    from message_vectors as v
    where
        v.user_id = $1::uuid
        and ($2::uuid is null or v.conversation_id = $2::uuid)
        and ($7::text[] is null or v.role = any($7::text[]))
        and ($8::timestamptz is null or v.created_at >= $8::timestamptz)
        and ($9::timestamptz is null or v.created_at < $9::timestamptz)
        and (
            $10::jsonb is null
            or (v.conversation_id, v.position) in (
                select
                    g.conversation_id,
                    g.position
                from passing as g
            )
        )
    group by v.conversation_id, v.position
    order by min(hamming_distance(v.signature, $4::varbit))
    limit $5::int
),

nearest as (
    select
        v.conversation_id,
        v.position,
        min(v.embedding <=> $3::halfvec) as distance
    from candidates as n
    inner join message_vectors as v
        on v.user_id = $1::uuid and n.conversation_id = v.conversation_id and n.position = v.position
    group by v.conversation_id, v.position
    order by distance, v.conversation_id, v.position
    limit $11::int
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
    where $6::float8 is null or 1 - n.distance >= $6::float8
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
limit $11::int;
