-- terms/waiting :value
-- The number of users with texts that may have no terms yet, counted up to a limit.
-- $1 max_rows int
-- tenant: none, the metric covers all tenants
-- returns: user_count int8
-- index: term_jobs_pkey
select count(*) as user_count
from (
    select j.user_id
    from term_jobs as j
    order by j.user_id
    limit $1::int
) as j;
