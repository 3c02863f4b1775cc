-- samples/indexed_tenant :one
-- The largest of the tenants who have an index of their own.
-- tenant: none, it looks for the tenant whom the examples are about; it shows no more than their id
-- returns: user_id text
select v.user_id::text as user_id
from vector_counts as v
where v.has_index
order by v.row_count desc, v.user_id asc
limit 1;
