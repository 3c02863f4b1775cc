-- readings_damaged
-- Further readings of files that differ from their file, have bytes, or would be found as documents.
select
    r.user_id,
    r.id,
    r.filename,
    r.chunk_sizes,
    b.removed_at,
    octet_length(b.content) as stored_bytes
from documents as r
left join documents as f on r.user_id = f.user_id and r.file_id = f.id
left join document_contents as b on r.user_id = b.user_id and r.id = b.document_id
where
    r.file_id is not null
    and (
        f.file_id is not null
        or (r.filename, r.file_type, r.file_size, r.content_hash, r.metadata, r.created_at)
        is distinct from (f.filename, f.file_type, f.file_size, f.content_hash, f.metadata, f.created_at)
        or b.removed_at is distinct from 'infinity'
        or octet_length(b.content) > 0
    );
