-- usage/by_period :many
-- A user's usage on each day or in each month between two days; periods without usage have no row.
-- $1 user_id  uuid  the tenant
-- $2 unit     text  day | month
-- $3 first    date  the first day
-- $4 last     date  the last day
-- $5 max_rows int
-- returns: period date, requests int8, searches int8, uploads int8, bytes int8, messages int8, tokens int8
-- index: usage_days_pkey
select
    date_trunc($2::text, d.day::timestamp)::date as period,
    sum(d.requests)::int8 as requests,
    sum(d.searches)::int8 as searches,
    sum(d.uploads)::int8 as uploads,
    sum(d.bytes)::int8 as bytes,
    sum(d.messages)::int8 as messages,
    sum(d.tokens)::int8 as tokens
from usage_days as d
where d.user_id = $1::uuid and d.day between $3::date and $4::date
group by date_trunc($2::text, d.day::timestamp)::date
order by date_trunc($2::text, d.day::timestamp)::date
limit $5::int;
