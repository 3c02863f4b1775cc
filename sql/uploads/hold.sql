-- uploads/hold :exec
-- Locks an upload to serialize additions of parts, completion and cancellation, so that the next statement
-- sees the changes of the previous transaction.
-- $1 user_id   uuid  the tenant
-- $2 upload_id uuid
-- index: uploads_pkey
select u.id
from uploads as u
where u.user_id = $1::uuid and u.id = $2::uuid
for no key update;
