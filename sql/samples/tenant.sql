-- samples/tenant :one
-- The largest tenant, for which `cabinet sql explain` runs its examples; any user if there are no vectors.
-- tenant: none, it selects the tenant of the examples and returns only the id
-- returns: user_id text null, user_ids text
-- index: users_pkey
select
    t.user_id::text as user_id,
    array[t.user_id]::text as user_ids
from (
    select
        coalesce(
            (
                select n.user_id
                from tenant_totals as n
                order by n.chunk_count desc, n.user_id asc
                limit 1
            ),
            (
                select u.id
                from users as u
                order by u.id
                limit 1
            )
        ) as user_id
) as t;
