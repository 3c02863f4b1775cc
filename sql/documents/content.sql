-- documents/content :one
-- A part of the bytes of an upload, as they were received. Large files are read part by part, so that a
-- client that reads slowly does not keep a whole file in the memory of the service.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 first_byte  int   the place of the first byte, from 0; negative: so many bytes before the end
-- $4 max_bytes   int
-- returns: filename text, content_hash uuid, file_bytes int, content bytea
-- index: documents_pkey, document_contents_pkey
select
    d.filename,
    d.content_hash,
    octet_length(b.content) as file_bytes,
    substring(
        b.content,
        case when $3::int < 0 then greatest(0, octet_length(b.content) + $3::int) else $3::int end + 1,
        $4::int
    ) as content
from documents as d
inner join document_contents as b on d.user_id = b.user_id and d.id = b.document_id
where d.user_id = $1::uuid and d.id = $2::uuid;
