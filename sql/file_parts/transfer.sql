-- file_parts/transfer :exec
-- Copies a range of the bytes of each transferred file to another user, after documents/transfer;
-- documents/transfer_release deletes the originals.
-- $1 user_id      uuid    the tenant
-- $2 to_user      uuid    the receiver; none of their rows is read
-- $3 document_ids uuid[]  each once, at most 1000; held by documents/hold
-- $4 first_byte   int8    copies the parts of each document that start here or later
-- $5 end_byte     int8    and before here
-- index: file_parts_pkey
insert into file_parts (user_id, document_id, first_byte, content)
select
    $2::uuid as user_id,
    p.document_id,
    p.first_byte,
    p.content
from file_parts as p
where
    p.user_id = $1::uuid
    and p.document_id = any($3::uuid[])
    and p.first_byte >= $4::int8
    and p.first_byte < $5::int8;
