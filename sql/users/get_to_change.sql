-- users/get_to_change :one
-- One user, locked until the end of the transaction, to compare them before a change. The lock does not make
-- transactions that add rows for the user wait.
-- $1 user_id uuid  the tenant
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
where u.id = $1::uuid
for no key update;
