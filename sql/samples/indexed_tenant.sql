-- samples/indexed_tenant :one
-- The largest tenant that has an index of its own.
-- tenant: none, it selects the tenant of the examples and returns only the id
-- returns: user_id text
select t.user_id::text as user_id
from tenant_totals as t
where t.has_index
order by t.chunk_count desc, t.user_id asc
limit 1;
