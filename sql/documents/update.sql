-- documents/update :one
-- Renames a document, replaces its metadata, or sets its expiry.
-- $1 user_id        uuid              the tenant
-- $2 document_id    uuid
-- $3 filename       text null         null: as it is
-- $4 metadata       jsonb null        null: as it is
-- $5 set_expires_at bool              whether to set expires_at
-- $6 expires_at     timestamptz null  null: never
-- returns: as documents/get
-- index: documents_pkey
update documents as d
set
    filename = coalesce($3::text, d.filename),
    metadata = coalesce($4::jsonb, d.metadata),
    expires_at = case when $5::bool then $6::timestamptz else d.expires_at end,
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
    d.warnings,
    d.metadata,
    d.expires_at,
    d.created_at,
    d.updated_at;
