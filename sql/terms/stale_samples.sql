-- terms/stale_samples :many
-- Users whose number of chunks has changed by a fifth since their chunks were last sampled, or that have no
-- sample.
-- $1 max_rows int  1..1000
-- tenant: none, a worker serves all tenants
-- returns: user_id uuid
-- index: term_samples_pkey, tenant_totals_pkey
select t.user_id
from tenant_totals as t
left join term_samples as s on t.user_id = s.user_id and s.kind = 'chunk'
where
    t.chunk_count > 0
    and (s.user_id is null or t.chunk_count * 1.2 < s.text_count or t.chunk_count > s.text_count * 1.2)
order by t.user_id
limit $1::int;
