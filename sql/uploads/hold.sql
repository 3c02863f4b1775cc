-- uploads/hold :exec
-- Locks an upload, so that of an addition of a part, a completion and a cancellation one comes after the
-- other, and the next statement sees the changes of the one before.
-- $1 user_id   uuid  the tenant
-- $2 upload_id uuid
-- index: uploads_pkey
select u.id
from uploads as u
where u.user_id = $1::uuid and u.id = $2::uuid
for no key update;
