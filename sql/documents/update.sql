-- documents/update :one
-- Renames a document or replaces its metadata.
-- $1 user_id     uuid   the tenant
-- $2 document_id uuid
-- $3 filename    text   null: as it is
-- $4 metadata    jsonb  null: as it is
-- returns: id uuid, filename text, file_type text, file_size int8, status text, error text, attempt int,
--   lease_expires_at timestamptz, progress real, chunk_count int, metadata jsonb, created_at timestamptz,
--   updated_at timestamptz
-- index: documents_pkey
update documents as d
set
    filename = coalesce($3::text, d.filename),
    metadata = coalesce($4::jsonb, d.metadata),
    updated_at = now()
where d.user_id = $1::uuid and d.id = $2::uuid
returning
    d.id,
    d.filename,
    d.file_type,
    d.file_size,
    d.status,
    d.error,
    d.attempt,
    d.lease_expires_at,
    d.progress,
    d.chunk_count,
    d.metadata,
    d.created_at,
    d.updated_at;
