-- message_search/hybrid_exact :many
-- The messages of one user that match a query best by meaning and by keywords together. Candidates are the
-- hundred nearest of all vectors that pass the filters, the hundred best by keywords, and the two messages
-- before and after each of these. Both scores of each are exact, and a message of several pieces is as
-- similar as its nearest piece. Each score is scaled to 0..1 between the lowest and the highest, and the sum
-- of both, by weight, is the message's own score. Its subject is often found only in the messages around it,
-- such as the question that it answers, so shares of their scores are added. Returns as many as fit into 4
-- MiB, but at least one.
-- $1 user_id         uuid              the tenant
-- $2 conversation_id uuid null         null: all conversations
-- $3 embedding       halfvec           of the query
-- $4 keys            int[] null        of the query's rarest terms; null: candidates need not contain a term
-- $5 terms           sparsevec         all terms of the query, with their weights
-- $6 keyword_weight  float8            0..1; the rest is the weight of the meaning
-- $7 threshold       float8 null       lowest similarity; null: any
-- $8 required        text[] null       regular expressions that the text must match; null: none
-- $9 required_keys   int[] null        keys that a text must contain in order to match them; null: none
-- $10 excluded       text[] null       regular expressions that the text must not match; null: none
-- $11 excluded_keys  int[] null        keys of which a text contains one if it matches; null: none
-- $12 roles          text[] null       null: all
-- $13 created_after  timestamptz null  at this time or later; null: any
-- $14 created_before timestamptz null  before this time; null: any
-- $15 filters        jsonb null        null: no filter; otherwise in the form of message_matches()
-- $16 max_rows       int               1..100
-- returns: as messages/list, similarity float8, distance float8, keyword_score float8, score float8
-- length: two searches, the fusion of their results, and the limit on the size of the answer, in one trip
-- index: message_vectors_pkey, message_terms_keys_idx, message_terms_pkey, messages_pkey
with passing as materialized (
    select
        m.conversation_id,
        m.position
    from messages as m
    where
        m.user_id = $1::uuid
        and $15::jsonb is not null
        and ($2::uuid is null or m.conversation_id = $2::uuid)
        and message_matches($1::uuid, $15::jsonb, m)
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
        and $8::text[] is not null
        and ($2::uuid is null or m.conversation_id = $2::uuid)
        and ($9::int[] is null or t.keys @> (select $9::int[]))
        and m.content ~* all($8::text[])
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
        and $10::text[] is not null
        and ($2::uuid is null or m.conversation_id = $2::uuid)
        and ($11::int[] is null or t.keys && (select $11::int[]))
        and m.content ~* any($10::text[])
),

by_meaning as materialized (
    select
        v.conversation_id,
        v.position,
        min(v.embedding <=> $3::halfvec) as distance
    from message_vectors as v
    where
        v.user_id = $1::uuid
        and ($2::uuid is null or v.conversation_id = $2::uuid)
        and ($12::text[] is null or v.role = any($12::text[]))
        and ($13::timestamptz is null or v.created_at >= $13::timestamptz)
        and ($14::timestamptz is null or v.created_at < $14::timestamptz)
        and (
            $15::jsonb is null
            or (v.conversation_id, v.position) in (
                select
                    g.conversation_id,
                    g.position
                from passing as g
            )
        )
        and (
            $8::text[] is null
            or (v.conversation_id, v.position) in (
                select
                    p.conversation_id,
                    p.position
                from phrased as p
            )
        )
        and (
            $10::text[] is null
            or (v.conversation_id, v.position) not in (
                select
                    u.conversation_id,
                    u.position
                from unwanted as u
            )
        )
    group by v.conversation_id, v.position
    order by distance, v.conversation_id, v.position
    limit 100
),

by_keywords as materialized (
    select
        t.conversation_id,
        t.position,
        0 + (t.weights <#> $5::sparsevec) as distance
    from message_terms as t
    where
        t.user_id = $1::uuid
        and ($2::uuid is null or t.conversation_id = $2::uuid)
        and ($12::text[] is null or t.role = any($12::text[]))
        and ($13::timestamptz is null or t.created_at >= $13::timestamptz)
        and ($14::timestamptz is null or t.created_at < $14::timestamptz)
        and (
            $15::jsonb is null
            or (t.conversation_id, t.position) in (
                select
                    g.conversation_id,
                    g.position
                from passing as g
            )
        )
        and ($4::int[] is null or t.keys && (select $4::int[]))
        and (
            $8::text[] is null
            or (t.conversation_id, t.position) in (
                select
                    p.conversation_id,
                    p.position
                from phrased as p
            )
        )
        and (
            $10::text[] is null
            or (t.conversation_id, t.position) not in (
                select
                    u.conversation_id,
                    u.position
                from unwanted as u
            )
        )
    order by distance, t.conversation_id, t.position
    limit 100
),

candidates as (
    select
        n.conversation_id,
        n.position
    from by_meaning as n
    union
    select
        k.conversation_id,
        k.position
    from by_keywords as k
),

around as materialized (
    select distinct
        n.conversation_id,
        n.position + g.step as position
    from candidates as n
    cross join generate_series(-2, 2) as g (step)
),

scored as materialized (
    select
        v.conversation_id,
        v.position,
        v.role,
        v.created_at,
        1 - min(v.embedding <=> $3::halfvec) as similarity,
        coalesce(0 - min(t.weights <#> $5::sparsevec), 0) as keyword_score
    from around as n
    inner join message_vectors as v
        on v.user_id = $1::uuid and n.conversation_id = v.conversation_id and n.position = v.position
    left join message_terms as t
        on t.user_id = $1::uuid and n.conversation_id = t.conversation_id and n.position = t.position
    group by v.conversation_id, v.position, v.role, v.created_at
),

extremes as materialized (
    select
        min(s.similarity) as least_similarity,
        nullif(max(s.similarity) - min(s.similarity), 0) as similarity_range,
        min(s.keyword_score) as least_keyword_score,
        nullif(max(s.keyword_score) - min(s.keyword_score), 0) as keyword_range
    from scored as s
),

fused as (
    select
        s.conversation_id,
        s.position,
        s.role,
        s.created_at,
        s.similarity,
        s.keyword_score,
        $6::float8 * coalesce(
            (s.keyword_score - e.least_keyword_score) / e.keyword_range, (s.keyword_score > 0)::int
        )
        + (1 - $6::float8) * coalesce((s.similarity - e.least_similarity) / e.similarity_range, 1) as own
    from scored as s
    cross join extremes as e
),

in_context as (
    select
        f.conversation_id,
        f.position,
        f.role,
        f.created_at,
        f.similarity,
        f.keyword_score,
        (
            f.own
            + 0.5 * coalesce(sum(f.own) over (in_order range between 1 preceding and 1 preceding), 0)
            + 0.2 * coalesce(sum(f.own) over (in_order range between 2 preceding and 2 preceding), 0)
            + 0.3 * coalesce(sum(f.own) over (in_order range between 1 following and 1 following), 0)
            + 0.1 * coalesce(sum(f.own) over (in_order range between 2 following and 2 following), 0)
        ) / 2.1 as score
    from fused as f
    window in_order as (
        partition by f.conversation_id
        order by f.position
    )
),

best as (
    select
        v.conversation_id,
        v.position,
        v.similarity,
        v.keyword_score,
        v.score
    from in_context as v
    where
        ($7::float8 is null or v.similarity >= $7::float8)
        and ($12::text[] is null or v.role = any($12::text[]))
        and ($13::timestamptz is null or v.created_at >= $13::timestamptz)
        and ($14::timestamptz is null or v.created_at < $14::timestamptz)
        and (
            $15::jsonb is null
            or (v.conversation_id, v.position) in (
                select
                    g.conversation_id,
                    g.position
                from passing as g
            )
        )
        and (
            $8::text[] is null
            or (v.conversation_id, v.position) in (
                select
                    p.conversation_id,
                    p.position
                from phrased as p
            )
        )
        and (
            $10::text[] is null
            or (v.conversation_id, v.position) not in (
                select
                    u.conversation_id,
                    u.position
                from unwanted as u
            )
        )
    order by v.score desc, v.conversation_id asc, v.position asc
    limit $16::int
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
        n.similarity,
        n.keyword_score,
        n.score,
        coalesce(
            sum(
                coalesce(octet_length(m.content), 0)
                + coalesce(octet_length(m.parts::text), 0)
                + coalesce(octet_length(m.tool_calls::text), 0)
                + octet_length(m.metadata::text)
                + octet_length(m.sources::text)
            ) over (
                order by n.score desc, m.conversation_id asc, m.position asc
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
    f.similarity,
    1 - f.similarity as distance,
    f.keyword_score,
    f.score
from found as f
where f.bytes_before < 4194304
order by f.score desc, f.conversation_id asc, f.position asc
limit $16::int;
