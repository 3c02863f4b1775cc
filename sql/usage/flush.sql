-- usage/flush :exec
-- Adds the requests, searches and query tokens that a process counted in the last second, since a write for
-- each search would cost more than the search. Users who no longer exist are skipped. Rows are locked in the
-- order of users/hold and of the uploads (totals, users, ledger, each by id), so that these transactions do
-- not deadlock. Limits are not enforced here: queries were checked when they were embedded.
-- $1 users    uuid[]
-- $2 days     date[]  the day of each entry of users, in UTC; a user can occur with two days
-- $3 requests int8[]
-- $4 searches int8[]
-- $5 tokens   int8[]
-- tenant: none, it adds the usage of many tenants; each row names its tenant
-- index: users_pkey, tenant_totals_pkey, usage_days_pkey
-- length: the counts of all users are added together or not at all
with held as (
    select t.user_id
    from tenant_totals as t
    where t.user_id = any($1::uuid[])
    order by t.user_id
    for no key update
),

present as (
    select u.id
    from users as u
    where u.id = any($1::uuid[]) and (select count(*) from held) >= 0
    order by u.id
    for key share
),

given as (
    select
        p.id as user_id,
        g.day,
        g.requests,
        g.searches,
        g.tokens
    from present as p
    inner join
        unnest($1::uuid[], $2::date[], $3::int8[], $4::int8[], $5::int8[])
            as g (user_id, day, requests, searches, tokens)
        on p.id = g.user_id
),

counted as (
    insert into tenant_totals as t (user_id, chunk_count, token_month, token_count)
    select
        g.user_id,
        0 as chunk_count,
        date_trunc('month', max(g.day)::timestamp)::date as token_month,
        sum(g.tokens)::int8 as token_count
    from given as g
    group by g.user_id
    having sum(g.tokens) > 0
    order by g.user_id
    on conflict (user_id) do update
        set
            token_month = greatest(t.token_month, excluded.token_month),
            token_count = case
                when t.token_month < excluded.token_month then excluded.token_count
                else t.token_count + excluded.token_count
            end,
            token_limit = null
    returning t.user_id
)

insert into usage_days as d (user_id, day, slot, requests, searches, tokens)
select
    g.user_id,
    g.day,
    pg_backend_pid() % 16 as slot,
    g.requests,
    g.searches,
    g.tokens
from given as g
where (select count(*) from counted) >= 0
order by g.user_id, g.day
on conflict (user_id, day, slot) do update
    set
        requests = d.requests + excluded.requests,
        searches = d.searches + excluded.searches,
        tokens = d.tokens + excluded.tokens;
