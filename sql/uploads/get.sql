-- uploads/get :one
-- An upload, with the number of its parts and their bytes. The expiry is compared with the time of the
-- statement, not with that of its transaction: the sweep may have erased the bytes since the transaction
-- started.
-- $1 user_id   uuid  the tenant
-- $2 upload_id uuid
-- returns: id uuid, filename text, purpose text, mime_type text, file_bytes int8,
--   file_expires_after_s int8 null, status text, file_id uuid null, created_at timestamptz,
--   expires_at timestamptz, is_expired bool, part_count int8, part_bytes int8
-- index: uploads_pkey, upload_parts_pkey
with parts as materialized (
    select
        count(p.id) as part_count,
        coalesce(sum(p.part_bytes), 0)::int8 as part_bytes
    from upload_parts as p
    where p.user_id = $1::uuid and p.upload_id = $2::uuid
)

select
    u.id,
    u.filename,
    u.purpose,
    u.mime_type,
    u.file_bytes,
    u.file_expires_after_s,
    u.status,
    u.file_id,
    u.created_at,
    u.expires_at,
    u.expires_at <= statement_timestamp() as is_expired,
    p.part_count,
    p.part_bytes
from uploads as u
cross join parts as p
where u.user_id = $1::uuid and u.id = $2::uuid;
