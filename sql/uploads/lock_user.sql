-- uploads/lock_user :exec
-- First statement of the transaction that creates an upload: serializes the uploads of a user, so that the
-- next statement sees all pending ones.
-- $1 user_id uuid  the tenant
-- index: users_pkey
select u.id
from users as u
where u.id = $1::uuid
for no key update;
