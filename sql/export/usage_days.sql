-- export/usage_days :many
-- A user's daily usage for their export.
-- $1 user_id    uuid       the tenant
-- $2 after_day  date null  of the last row of the previous page; null: from the first
-- $3 after_slot int
-- $4 max_rows   int        1..1000
-- returns: day date, slot int, requests int8, searches int8, uploads int8, bytes int8, messages int8,
--   tokens int8
-- index: usage_days_pkey
select
    u.day,
    u.slot,
    u.requests,
    u.searches,
    u.uploads,
    u.bytes,
    u.messages,
    u.tokens
from usage_days as u
where u.user_id = $1::uuid and ($2::date is null or (u.day, u.slot) > ($2::date, $3::int))
order by u.day, u.slot
limit $4::int;
