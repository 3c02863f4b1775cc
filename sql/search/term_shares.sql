-- search/term_shares :one
-- The share of a tenant's chunks or messages that contain a term, for the weights of the terms of queries;
-- no row before the first sample. The arrays are in the binary format of an array, which a reader of many
-- thousand numbers need not take apart.
-- $1 user_id    uuid              the tenant
-- $2 kind       text              chunk | message
-- $3 sampled_at timestamptz null  of the sample that the reader has; its arrays are not sent again
-- returns: text_count int8, other_share float4, sampled_at timestamptz, terms bytea null, shares bytea null
-- index: term_samples_pkey
select
    s.text_count,
    s.other_share,
    s.sampled_at,
    case when s.sampled_at = $3::timestamptz then null else array_send(s.terms) end as terms,
    case when s.sampled_at = $3::timestamptz then null else array_send(s.shares) end as shares
from term_samples as s
where s.user_id = $1::uuid and s.kind = $2::text;
