-- doctor/sample_lane :many
-- A few tenants of the size that a lane of the search is for, in an order that the seed deals out, for the
-- recall that `cabinet doctor` measures. Reads the row of every tenant.
-- $1 min_vectors int8  the smallest tenant of the lane
-- $2 max_vectors int8  the largest whom an exact search can be asked of
-- $3 has_index   bool  whether the tenants have an index of their own
-- $4 seed        text  another one, another order
-- $5 max_rows    int   1..100
-- tenant: none, an administrator's look at the sizes of all tenants; it reads no content
-- returns: user_id uuid, chunk_count int8
select
    t.user_id,
    t.chunk_count
from tenant_totals as t
where t.chunk_count between $1::int8 and $2::int8 and t.has_index = $3::bool
order by md5(t.user_id::text || $4::text)
limit $5::int;
