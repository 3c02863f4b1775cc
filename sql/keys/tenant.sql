-- keys/tenant :one
-- The user for whom the admin acts, with the size of the tenant as `keys/authenticate` gives it.
-- $1 user_id uuid  the tenant
-- returns: user_id uuid, vector_count int8, has_index bool
-- index: users_pkey, vector_counts_pkey
select
    u.id as user_id,
    coalesce(v.row_count, 0) as vector_count,
    coalesce(v.has_index, false) as has_index
from users as u
left join vector_counts as v on u.id = v.user_id
where u.id = $1::uuid;
