-- documents/content :one
-- The bytes of an upload, as they were received.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- returns: filename text, file_type text, content bytea
-- index: documents_pkey, document_contents_pkey
select
    d.filename,
    d.file_type,
    b.content
from documents as d
inner join document_contents as b on d.user_id = b.user_id and d.id = b.document_id
where d.user_id = $1::uuid and d.id = $2::uuid;
