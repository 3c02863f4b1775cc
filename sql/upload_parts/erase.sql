-- upload_parts/erase :exec
-- Erases some bytes of an upload that is no longer pending; repeated until it erases none. It skips an upload
-- that another session has locked: a completion that started before the upload expired needs its bytes.
-- $1 user_id   uuid  the tenant
-- $2 upload_id uuid
-- $3 max_rows  int   of at most 1 MiB each
-- index: uploads_pkey, upload_bytes_pkey
with ended as materialized (
    select u.id
    from uploads as u
    where
        u.user_id = $1::uuid
        and u.id = $2::uuid
        and (u.status <> 'pending' or u.expires_at <= now())
    for no key update skip locked
),

erased as materialized (
    select
        b.part_id,
        b.first_byte
    from ended as u
    inner join upload_bytes as b on b.user_id = $1::uuid and u.id = b.upload_id
    where b.upload_id = $2::uuid
    order by b.part_id, b.first_byte
    limit $3::int
)

delete from upload_bytes as b
using erased as e
where
    b.user_id = $1::uuid
    and b.upload_id = $2::uuid
    and b.part_id = e.part_id
    and b.first_byte = e.first_byte;
