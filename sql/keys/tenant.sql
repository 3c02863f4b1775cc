-- keys/tenant :one
-- The user for whom the admin acts, or who signs in with a token, with columns of keys/authenticate.
-- $1 user_id uuid  the tenant
-- returns: user_id uuid, chunk_count int8, has_index bool, requests_per_minute int8 null, tokens_used int8,
--   tokens_allowed int8 null
-- index: users_pkey, tenant_totals_pkey
select
    u.id as user_id,
    coalesce(t.chunk_count, 0) as chunk_count,
    coalesce(t.has_index, false) as has_index,
    p.requests_per_minute,
    case
        when t.token_month = date_trunc('month', now() at time zone 'utc')::date then t.token_count else 0
    end as tokens_used,
    p.tokens_per_month as tokens_allowed
from users as u
inner join plans as p on u.plan = p.name
left join tenant_totals as t on u.id = t.user_id
where u.id = $1::uuid;
