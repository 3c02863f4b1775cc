-- file_parts/append :exec
-- Stores one part of a file, after file_parts/begin, in the same transaction.
-- $1 user_id     uuid   the tenant
-- $2 document_id uuid
-- $3 first_byte  int8   where the part before ends
-- $4 content     bytea  1 MiB at most
insert into file_parts (user_id, document_id, first_byte, content)
values ($1::uuid, $2::uuid, $3::int8, $4::bytea);
