-- search/term_shares :one
-- The share of a tenant's chunks or messages that contain a term, for the weights of the terms of queries;
-- no row before the first sample.
-- $1 user_id   uuid  the tenant
-- $2 kind      text  chunk | message
-- $3 max_terms int   50000
-- returns: text_count int8, other_share float4, terms int[], shares float4[]
-- index: term_samples_pkey, term_stats_pkey
select
    s.text_count,
    s.other_share,
    array(
        select t.term
        from term_stats as t
        where t.user_id = $1::uuid and t.kind = $2::text
        order by t.term
        limit $3::int
    ) as terms,
    array(
        select t.share
        from term_stats as t
        where t.user_id = $1::uuid and t.kind = $2::text
        order by t.term
        limit $3::int
    ) as shares
from term_samples as s
where s.user_id = $1::uuid and s.kind = $2::text;
