-- file_parts/append :exec
-- Stores one part of a file, after file_parts/begin, in the same transaction.
-- $1 user_id     uuid   the tenant
-- $2 document_id uuid
-- $3 first_byte  int8   the end of the previous part
-- $4 content     bytea  at most 1 MiB
insert into file_parts (user_id, document_id, first_byte, content)
values ($1::uuid, $2::uuid, $3::int8, $4::bytea);
