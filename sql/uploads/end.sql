-- uploads/end :exec
-- Marks an upload as completed or cancelled, after uploads/hold.
-- $1 user_id   uuid       the tenant
-- $2 upload_id uuid
-- $3 status    text       completed | cancelled
-- $4 file_id   uuid null  the document that it became
-- index: uploads_pkey
update uploads as u
set status = $3::text, file_id = $4::uuid
where u.user_id = $1::uuid and u.id = $2::uuid;
