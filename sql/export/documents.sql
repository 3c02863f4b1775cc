-- export/documents :many
-- A user's documents for their export, oldest first. The bytes, chunks and vectors of the documents follow
-- each page.
-- $1 user_id  uuid       the tenant
-- $2 after_id uuid null  the last id of the previous page; null: from the oldest
-- $3 max_rows int        1..1000
-- returns: id uuid, filename text, file_type text, file_size int8, purpose text null,
--   status text, error text null, attempt int, lease_expires_at timestamptz null, progress real,
--   chunk_count int, chunk_sizes jsonb null, warnings jsonb, metadata jsonb, content_hash uuid,
--   has_new_content bool, replaces text null, expires_at timestamptz null, created_at timestamptz,
--   updated_at timestamptz, file_id uuid null
-- index: documents_pkey
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
    d.chunk_sizes,
    d.warnings,
    d.metadata,
    d.content_hash,
    d.has_new_content,
    d.replaces,
    d.expires_at,
    d.created_at,
    d.updated_at,
    d.file_id
from documents as d
where d.user_id = $1::uuid and ($2::uuid is null or d.id > $2::uuid)
order by d.id
limit $3::int;
