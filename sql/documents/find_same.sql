-- documents/find_same :one
-- The newest document with a name that has the same bytes as an upload and has not failed.
-- $1 user_id      uuid  the tenant
-- $2 filename     text
-- $3 file_size    int8
-- $4 content_hash uuid  the first half of the SHA-256 of the upload
-- returns: as documents/get
-- index: documents_user_filename_idx
select
    d.id,
    d.filename,
    d.file_type,
    d.file_size,
    d.purpose,
    d.status,
    d.error,
    d.attempt,
    d.lease_expires_at,
    d.progress,
    d.chunk_count,
    d.warnings,
    d.metadata,
    d.expires_at,
    d.created_at,
    d.updated_at
from documents as d
where
    d.user_id = $1::uuid
    and d.filename = $2::text
    and d.file_id is null
    and d.status <> 'error'
    and d.file_size = $3::int8
    and d.content_hash = $4::uuid
order by d.id desc
limit 1;
