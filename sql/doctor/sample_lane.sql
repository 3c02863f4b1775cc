-- doctor/sample_lane :many
-- A few tenants of the size that a lane of the search is for, in an order that the seed deals out, for the
-- recall that `cabinet doctor` measures. Reads the row of every tenant.
-- $1 min_vectors int8  the smallest tenant of the lane
-- $2 max_vectors int8  the largest whom an exact search can be asked of
-- $3 has_index   bool  whether the tenants have an index of their own
-- $4 seed        text  another one, another order
-- $5 max_rows    int   1..100
-- tenant: none, an administrator's look at the sizes of all tenants; it reads no content
-- returns: user_id uuid, row_count int8
select
    v.user_id,
    v.row_count
from vector_counts as v
where v.row_count between $1::int8 and $2::int8 and v.has_index = $3::bool
order by md5(v.user_id::text || $4::text)
limit $5::int;
