-- doctor/sample_tenants :many
-- Tenants in a random order given by the seed, until their vectors reach a number, for the checks of `cabinet
-- doctor` that count rows. Sorts all tenants: a second or two for a million.
-- $1 seed         text  determines the order
-- $2 most_vectors int8  the tenant that exceeds it is the last
-- $3 max_rows     int   1..10000
-- tenant: none, the administrator examines the sizes of all tenants; it reads no contents
-- returns: user_id uuid, chunk_count int8, has_index bool
select
    s.user_id,
    s.chunk_count,
    s.has_index
from (
    select
        u.id as user_id,
        coalesce(t.chunk_count, 0) as chunk_count,
        coalesce(t.has_index, false) as has_index,
        sum(coalesce(t.chunk_count, 0)) over (order by md5(u.id::text || $1::text)) as total
    from users as u
    left join tenant_totals as t on u.id = t.user_id
) as s
where s.total - s.chunk_count <= $2::int8
order by s.total, s.user_id
limit $3::int;
