-- users/erase_uploads :one
-- Erases some bytes of the uploads of a user who has too many for one statement; repeated until it erases
-- none.
-- $1 user_id  uuid  the tenant
-- $2 max_rows int   of at most 1 MiB each
-- returns: upload_bytes int8
-- index: upload_bytes_pkey
with chosen as materialized (
    select
        b.upload_id,
        b.part_id,
        b.first_byte
    from upload_bytes as b
    where b.user_id = $1::uuid
    order by b.upload_id, b.part_id, b.first_byte
    limit $2::int
),

erased as (
    delete from upload_bytes as b
    using chosen as c
    where
        b.user_id = $1::uuid
        and b.upload_id = c.upload_id
        and b.part_id = c.part_id
        and b.first_byte = c.first_byte
    returning b.first_byte
)

select count(*) as upload_bytes
from erased;
