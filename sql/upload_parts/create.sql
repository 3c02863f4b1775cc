-- upload_parts/create :one
-- Adds a part to an upload; upload_parts/append follows for its bytes, in the same transaction. No row: the
-- upload does not exist, or is completed, cancelled or expired.
-- $1 user_id    uuid  the tenant
-- $2 upload_id  uuid
-- $3 part_bytes int8
-- returns: id uuid, created_at timestamptz
-- index: uploads_pkey
insert into upload_parts as p (user_id, upload_id, part_bytes)
select
    $1::uuid as user_id,
    u.id as upload_id,
    $3::int8 as part_bytes
from uploads as u
where u.user_id = $1::uuid and u.id = $2::uuid and u.status = 'pending' and u.expires_at > now()
returning p.id, p.created_at;
