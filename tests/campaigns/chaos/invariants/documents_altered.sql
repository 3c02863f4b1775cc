-- documents_altered
-- Documents whose bytes are missing, or are not those that were uploaded.
select
    d.user_id,
    d.id,
    d.filename,
    d.file_size,
    octet_length(b.content) as stored_bytes
from documents as d
inner join told_documents as t on d.filename = t.name
left join document_contents as b on d.user_id = b.user_id and d.id = b.document_id
where
    b.content is null
    or b.removed_at is not null
    or octet_length(b.content) <> d.file_size
    or encode(sha256(b.content), 'hex') <> all(t.digests);
