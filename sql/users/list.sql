-- users/list :many
-- All users, newest first, for the admin.
-- $1 after    uuid null  the last id of the previous page; null: from the newest
-- $2 max_rows int        1..101
-- tenant: none, the admin's list of the tenants themselves
-- returns: as users/get
-- index: users_pkey
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
where $1::uuid is null or u.id < $1::uuid
order by u.id desc
limit $2::int;
