-- terms/count_chunks :one
-- The number of a user's chunks, now and at the last sample.
-- $1 user_id uuid  the tenant
-- returns: text_count int8, sampled_count int8 null
-- index: tenant_totals_pkey, term_samples_pkey
select
    t.chunk_count as text_count,
    s.text_count as sampled_count
from tenant_totals as t
left join term_samples as s on s.user_id = $1::uuid and s.kind = 'chunk'
where t.user_id = $1::uuid;
