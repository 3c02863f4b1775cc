-- samples/small_tenant :one
-- The largest of the tenants with up to 2,000 vectors, whose searches compare all of them.
-- tenant: none, it looks for the tenant whom the examples are about; it shows no more than their id
-- returns: user_id text
select v.user_id::text as user_id
from vector_counts as v
where v.row_count <= 2000
order by v.row_count desc, v.user_id asc
limit 1;
