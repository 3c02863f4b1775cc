-- file_parts/transfer :exec
-- Gives parts of files to another user, after documents/transfer; documents/transfer_release deletes the
-- originals. One statement copies a range of each of the files.
-- $1 user_id      uuid    the tenant
-- $2 to_user      uuid    the receiver; none of their rows is read
-- $3 document_ids uuid[]  each once, at most 1000; held by documents/hold
-- $4 first_byte   int8    of each document the parts that begin from here
-- $5 end_byte     int8    to before here
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
