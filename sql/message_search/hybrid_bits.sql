-- message_search/hybrid_bits :many
-- The messages of one user that match a query best by meaning and by keywords together, as in
-- message_search/hybrid_exact, except that the hundred nearest by meaning are taken from the messages whose
-- signatures differ least from the query's (message_search/bits).
-- $1 user_id         uuid              the tenant
-- $2 conversation_id uuid null         null: all conversations
-- $3 embedding       halfvec           of the query
-- $4 signature       varbit            of the query
-- $5 candidates      int               messages that are compared exactly
-- $6 keys            int[] null        of the query's rarest terms; null: candidates need not contain a term
-- $7 terms           sparsevec         all terms of the query, with their weights
-- $8 keyword_weight  float8            0..1; the rest is the weight of the meaning
-- $9 threshold       float8 null       lowest similarity; null: any
-- $10 required       text[] null       regular expressions that the text must match; null: none
-- $11 required_keys  int[] null        keys that a text must contain in order to match them; null: none
-- $12 excluded       text[] null       regular expressions that the text must not match; null: none
-- $13 excluded_keys  int[] null        keys of which a text contains one if it matches; null: none
-- $14 roles          text[] null       null: all
-- $15 created_after  timestamptz null  at this time or later; null: any
-- $16 created_before timestamptz null  before this time; null: any
-- $17 filters        jsonb null        null: no filter; otherwise in the form of message_matches()
-- $18 max_rows       int               1..100
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
        and $17::jsonb is not null
        and ($2::uuid is null or m.conversation_id = $2::uuid)
        and message_matches($1::uuid, $17::jsonb, m)
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
        and $10::text[] is not null
        and ($2::uuid is null or m.conversation_id = $2::uuid)
        and ($11::int[] is null or t.keys @> (select $11::int[]))
        and m.content ~* all($10::text[])
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
        and $12::text[] is not null
        and ($2::uuid is null or m.conversation_id = $2::uuid)
        and ($13::int[] is null or t.keys && (select $13::int[]))
        and m.content ~* any($12::text[])
),

by_signature as materialized (
    select
        v.conversation_id,
        v.position
    from message_vectors as v
    where
        v.user_id = $1::uuid
        and ($2::uuid is null or v.conversation_id = $2::uuid)
        and ($14::text[] is null or v.role = any($14::text[]))
        and ($15::timestamptz is null or v.created_at >= $15::timestamptz)
        and ($16::timestamptz is null or v.created_at < $16::timestamptz)
        and (
            $17::jsonb is null
            or (v.conversation_id, v.position) in (
                select
                    g.conversation_id,
                    g.position
                from passing as g
            )
        )
        and (
            $10::text[] is null
            or (v.conversation_id, v.position) in (
                select
                    p.conversation_id,
                    p.position
                from phrased as p
            )
        )
        and (
            $12::text[] is null
            or (v.conversation_id, v.position) not in (
                select
                    u.conversation_id,
                    u.position
                from unwanted as u
            )
        )
    group by v.conversation_id, v.position
    order by min(hamming_distance(v.signature, $4::varbit))
    limit $5::int
),

by_meaning as materialized (
    select
        v.conversation_id,
        v.position,
        min(v.embedding <=> $3::halfvec) as distance
    from by_signature as s
    inner join message_vectors as v
        on v.user_id = $1::uuid and s.conversation_id = v.conversation_id and s.position = v.position
    group by v.conversation_id, v.position
    order by distance, v.conversation_id, v.position
    limit 100
),

by_keywords as materialized (
    select
        t.conversation_id,
        t.position,
        0 + (t.weights <#> $7::sparsevec) as distance
    from message_terms as t
    where
        t.user_id = $1::uuid
        and ($2::uuid is null or t.conversation_id = $2::uuid)
        and ($14::text[] is null or t.role = any($14::text[]))
        and ($15::timestamptz is null or t.created_at >= $15::timestamptz)
        and ($16::timestamptz is null or t.created_at < $16::timestamptz)
        and (
            $17::jsonb is null
            or (t.conversation_id, t.position) in (
                select
                    g.conversation_id,
                    g.position
                from passing as g
            )
        )
        and ($6::int[] is null or t.keys && (select $6::int[]))
        and (
            $10::text[] is null
            or (t.conversation_id, t.position) in (
                select
                    p.conversation_id,
                    p.position
                from phrased as p
            )
        )
        and (
            $12::text[] is null
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
        coalesce(0 - min(t.weights <#> $7::sparsevec), 0) as keyword_score
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
        $8::float8 * coalesce(
            (s.keyword_score - e.least_keyword_score) / e.keyword_range, (s.keyword_score > 0)::int
        )
        + (1 - $8::float8) * coalesce((s.similarity - e.least_similarity) / e.similarity_range, 1) as own
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
        ($9::float8 is null or v.similarity >= $9::float8)
        and ($14::text[] is null or v.role = any($14::text[]))
        and ($15::timestamptz is null or v.created_at >= $15::timestamptz)
        and ($16::timestamptz is null or v.created_at < $16::timestamptz)
        and (
            $17::jsonb is null
            or (v.conversation_id, v.position) in (
                select
                    g.conversation_id,
                    g.position
                from passing as g
            )
        )
        and (
            $10::text[] is null
            or (v.conversation_id, v.position) in (
                select
                    p.conversation_id,
                    p.position
                from phrased as p
            )
        )
        and (
            $12::text[] is null
            or (v.conversation_id, v.position) not in (
                select
                    u.conversation_id,
                    u.position
                from unwanted as u
            )
        )
    order by v.score desc, v.conversation_id asc, v.position asc
    limit $18::int
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
limit $18::int;
