-- samples/small_tenant :one
-- The largest tenant with at most 2,000 vectors, whose searches compare all of them.
-- tenant: none, it selects the tenant of the examples and returns only the id
-- returns: user_id text
select t.user_id::text as user_id
from tenant_totals as t
where t.chunk_count <= 2000
order by t.chunk_count desc, t.user_id asc
limit 1;
