-- readings_left_over
-- Further readings that no collection has and that are not to be erased, or that should have been erased by now.
select
    r.user_id,
    r.id,
    r.filename,
    r.chunk_sizes,
    r.expires_at
from documents as r
where
    r.file_id is not null
    and (r.expires_at is null or r.expires_at < now() - interval '3 minutes')
    and not exists (select 1 from collection_files as f where f.user_id = r.user_id and f.document_id = r.id);
