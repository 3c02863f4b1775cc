-- usage/list :many
-- The users with usage between two days, largest first by one of the counts, for the admin. Each page sums
-- the rows of these days: at most 16 for each user and day, seldom more than two. `slot >= 0` is always true;
-- it is the predicate of usage_days_day_idx.
-- $1 first      date
-- $2 last       date
-- $3 sort       text       requests | searches | uploads | bytes | messages | tokens
-- $4 after      int8 null  the count of the last user of the previous page; null: from the largest
-- $5 after_user uuid null  the last user of the previous page
-- $6 max_rows   int        1..101
-- tenant: none, the admin's list of the tenants themselves
-- returns: user_id uuid, email text, plan text, requests int8, searches int8, uploads int8, bytes int8,
--   messages int8, tokens int8, size int8
-- index: usage_days_day_idx, users_pkey
with used as (
    select
        d.user_id,
        sum(d.requests)::int8 as requests,
        sum(d.searches)::int8 as searches,
        sum(d.uploads)::int8 as uploads,
        sum(d.bytes)::int8 as bytes,
        sum(d.messages)::int8 as messages,
        sum(d.tokens)::int8 as tokens,
        sum(
            case $3::text
                when 'requests' then d.requests
                when 'searches' then d.searches
                when 'uploads' then d.uploads
                when 'bytes' then d.bytes
                when 'messages' then d.messages
                when 'tokens' then d.tokens
            end
        )::int8 as size
    from usage_days as d
    where d.day between $1::date and $2::date and d.slot >= 0
    group by d.user_id
),

page as (
    select
        s.user_id,
        s.requests,
        s.searches,
        s.uploads,
        s.bytes,
        s.messages,
        s.tokens,
        s.size
    from used as s
    where $4::int8 is null or (s.size, s.user_id) < ($4::int8, $5::uuid)
    order by s.size desc, s.user_id desc
    limit $6::int
)

select
    p.user_id,
    u.email,
    u.plan,
    p.requests,
    p.searches,
    p.uploads,
    p.bytes,
    p.messages,
    p.tokens,
    p.size
from page as p
inner join users as u on p.user_id = u.id
order by p.size desc, p.user_id desc
limit $6::int;
