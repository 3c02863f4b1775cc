-- documents/get :one
-- One document with the state of its ingestion.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- returns: id uuid, filename text, file_type text, file_size int8, purpose text null,
--   status text, error text null, attempt int, lease_expires_at timestamptz null, progress real,
--   chunk_count int, warnings jsonb, metadata jsonb, expires_at timestamptz null, created_at timestamptz,
--   updated_at timestamptz
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
    d.warnings,
    d.metadata,
    d.expires_at,
    d.created_at,
    d.updated_at
from documents as d
where d.user_id = $1::uuid and d.id = $2::uuid and d.file_id is null;
