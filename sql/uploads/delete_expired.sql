-- uploads/delete_expired :exec
-- Deletes an expired upload with its parts (by cascade), after upload_parts/erase has erased their bytes. It
-- skips an upload that another session has locked, so that a worker does not wait for a completion.
-- $1 user_id   uuid  the tenant
-- $2 upload_id uuid
-- index: upload_bytes_pkey, uploads_expires_idx, uploads_pkey
with ended as materialized (
    select u.id
    from uploads as u
    where u.user_id = $1::uuid and u.id = $2::uuid and u.expires_at <= now()
    for update skip locked
)

delete from uploads as u
using ended as e
where
    u.user_id = $1::uuid
    and u.id = $2::uuid
    and u.id = e.id
    and not exists (
        select b.part_id
        from upload_bytes as b
        where b.user_id = $1::uuid and b.upload_id = $2::uuid
    );
