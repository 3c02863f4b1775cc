-- message_search/keyword :many
-- The messages of one user that match a query best by keywords: among the messages that contain one of the
-- query's rarest terms, those with the highest sum of the weights of all its terms, ties by conversation and
-- position. Returns as many as fit into 4 MiB, but at least one.
-- $1 user_id         uuid              the tenant
-- $2 conversation_id uuid null         null: all conversations
-- $3 keys            int[] null        of the query's rarest terms; null: candidates need not contain a term
-- $4 terms           sparsevec         all terms of the query, with their weights
-- $5 required        text[] null       regular expressions that the text must match; null: none
-- $6 required_keys   int[] null        keys that a text must contain in order to match them; null: none
-- $7 excluded        text[] null       regular expressions that the text must not match; null: none
-- $8 excluded_keys   int[] null        keys of which a text contains one if it matches; null: none
-- $9 roles           text[] null       null: all
-- $10 created_after  timestamptz null  at this time or later; null: any
-- $11 created_before timestamptz null  before this time; null: any
-- $12 filters        jsonb null        null: no filter; otherwise in the form of message_matches()
-- $13 max_rows       int               1..100
-- returns: as messages/list, keyword_score float8
-- length: the conditions of exact phrases and of excluded words, and the limit on the size of an answer
-- index: message_terms_keys_idx, message_terms_pkey, messages_pkey
with passing as materialized (
    select
        m.conversation_id,
        m.position
    from messages as m
    where
        m.user_id = $1::uuid
        and $12::jsonb is not null
        and ($2::uuid is null or m.conversation_id = $2::uuid)
        and message_matches($1::uuid, $12::jsonb, m)
),

phrased as materialized (
    select
        m.conversation_id,
        m.position
    from messages as m
    left join message_terms as t
        on t.user_id = $1::uuid and m.conversation_id = t.conversation_id and m.position = t.position
    where
        m.user_id = $1::uuid
        and $5::text[] is not null
        and ($2::uuid is null or m.conversation_id = $2::uuid)
        and ($6::int[] is null or t.keys @> (select $6::int[]))
        and m.content ~* all($5::text[])
),

unwanted as materialized (
    select
        m.conversation_id,
        m.position
    from messages as m
    left join message_terms as t
        on t.user_id = $1::uuid and m.conversation_id = t.conversation_id and m.position = t.position
    where
        m.user_id = $1::uuid
        and $7::text[] is not null
        and ($2::uuid is null or m.conversation_id = $2::uuid)
        and ($8::int[] is null or t.keys && (select $8::int[]))
        and m.content ~* any($7::text[])
),

best as materialized (
    select
        t.conversation_id,
        t.position,
        0 + (t.weights <#> $4::sparsevec) as distance
    from message_terms as t
    where
        t.user_id = $1::uuid
        and ($2::uuid is null or t.conversation_id = $2::uuid)
        and ($9::text[] is null or t.role = any($9::text[]))
        and ($10::timestamptz is null or t.created_at >= $10::timestamptz)
        and ($11::timestamptz is null or t.created_at < $11::timestamptz)
        and (
            $12::jsonb is null
            or (t.conversation_id, t.position) in (
                select
                    g.conversation_id,
                    g.position
                from passing as g
            )
        )
        and ($3::int[] is null or t.keys && (select $3::int[]))
        and (
            $5::text[] is null
            or (t.conversation_id, t.position) in (
                select
                    p.conversation_id,
                    p.position
                from phrased as p
            )
        )
        and (
            $7::text[] is null
            or (t.conversation_id, t.position) not in (
                select
                    u.conversation_id,
                    u.position
                from unwanted as u
            )
        )
    order by distance, t.conversation_id, t.position
    limit $13::int
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
    from best as n
    inner join messages as m
        on m.user_id = $1::uuid and n.conversation_id = m.conversation_id and n.position = m.position
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
    0 - f.distance as keyword_score
from found as f
where f.bytes_before < 4194304
order by f.distance, f.conversation_id, f.position
limit $13::int;
