-- doctor/sample_lane :many
-- A random sample of tenants whose size fits a search lane, for the recall check of `cabinet doctor`. The
-- seed determines the order. Reads the row of every tenant.
-- $1 min_vectors int8  the smallest tenant of the lane
-- $2 max_vectors int8  the largest tenant that can be searched exactly
-- $3 has_index   bool  whether the tenants have an index of their own
-- $4 seed        text  determines the order
-- $5 max_rows    int   1..100
-- tenant: none, the administrator examines the sizes of all tenants; it reads no contents
-- returns: user_id uuid, chunk_count int8
select
    t.user_id,
    t.chunk_count
from tenant_totals as t
where t.chunk_count between $1::int8 and $2::int8 and t.has_index = $3::bool
order by md5(t.user_id::text || $4::text)
limit $5::int;
