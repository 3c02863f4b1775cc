-- users/find_by_email :many
-- The user with an email address, regardless of case, as a list of at most one, for the admin.
-- $1 email    text
-- $2 max_rows int   1..101
-- tenant: none, it looks for the tenant
-- returns: as users/get
-- index: users_email_key
select
    u.id,
    u.external_id,
    u.email,
    u.name,
    u.plan,
    u.preferences,
    u.created_at,
    u.updated_at
from users as u
where lower(u.email) = lower($1::text)
order by u.id desc
limit $2::int;
