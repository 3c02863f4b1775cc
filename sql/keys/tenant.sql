-- keys/tenant :one
-- The user for whom the admin acts, with what `keys/authenticate` gives of a tenant.
-- $1 user_id uuid  the tenant
-- returns: user_id uuid, vector_count int8, has_index bool, tokens_used int8, tokens_allowed int8
-- index: users_pkey, vector_counts_pkey
select
    u.id as user_id,
    coalesce(v.row_count, 0) as vector_count,
    coalesce(v.has_index, false) as has_index,
    case
        when v.token_month = date_trunc('month', now() at time zone 'utc')::date then v.token_count else 0
    end as tokens_used,
    p.tokens_per_month as tokens_allowed
from users as u
inner join plans as p on u.plan = p.name
left join vector_counts as v on u.id = v.user_id
where u.id = $1::uuid;
