-- upload_parts/append :exec
-- Stores some bytes of the part of an upload, in the transaction that adds the part.
-- $1 user_id    uuid   the tenant
-- $2 upload_id  uuid
-- $3 part_id    uuid
-- $4 first_byte int8   the end of the previous bytes
-- $5 content    bytea  at most 1 MiB
insert into upload_bytes (user_id, upload_id, part_id, first_byte, content)
values ($1::uuid, $2::uuid, $3::uuid, $4::int8, $5::bytea);
