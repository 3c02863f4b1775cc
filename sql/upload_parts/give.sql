-- upload_parts/give :exec
-- Copies some bytes of the part of an upload to the file that the upload becomes, after file_parts/begin.
-- $1 user_id     uuid  the tenant
-- $2 upload_id   uuid
-- $3 part_id     uuid
-- $4 document_id uuid
-- $5 place       int8  the place of the part in the file
-- $6 first_byte  int8  copies the bytes of the part from here
-- $7 end_byte    int8  up to, but not including, this one
-- index: upload_bytes_pkey
insert into file_parts (user_id, document_id, first_byte, content)
select
    $1::uuid as user_id,
    $4::uuid as document_id,
    $5::int8 + b.first_byte as first_byte,
    b.content
from upload_bytes as b
where
    b.user_id = $1::uuid
    and b.upload_id = $2::uuid
    and b.part_id = $3::uuid
    and b.first_byte >= $6::int8
    and b.first_byte < $7::int8;
