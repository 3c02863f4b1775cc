-- upload_parts/content :one
-- Some bytes of the part of an upload, as they were stored together.
-- $1 user_id    uuid  the tenant
-- $2 upload_id  uuid
-- $3 part_id    uuid
-- $4 first_byte int8  the end of the previous bytes
-- returns: content bytea
-- index: upload_bytes_pkey
select b.content
from upload_bytes as b
where b.user_id = $1::uuid and b.upload_id = $2::uuid and b.part_id = $3::uuid and b.first_byte = $4::int8;
