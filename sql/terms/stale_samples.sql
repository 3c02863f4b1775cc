-- terms/stale_samples :many
-- The next users in the order of their ids, and whether their chunks must be sampled: there is no sample, or
-- the number of chunks has changed by a fifth since. A worker examines all users in batches.
-- $1 after    uuid null  the last examined user; null: from the first
-- $2 max_rows int        1..1000
-- tenant: none, a worker serves all tenants
-- returns: user_id uuid, is_stale bool
-- index: term_samples_pkey, tenant_totals_pkey
select
    t.user_id,
    t.chunk_count > 0
    and (
        s.user_id is null
        or t.chunk_count * 1.2 < s.text_count
        or t.chunk_count > s.text_count * 1.2
    ) as is_stale
from tenant_totals as t
left join term_samples as s on t.user_id = s.user_id and s.kind = 'chunk'
where $1::uuid is null or t.user_id > $1::uuid
order by t.user_id
limit $2::int;
