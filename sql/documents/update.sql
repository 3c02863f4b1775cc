-- documents/update :one
-- Renames a document, replaces its metadata or applies a JSON merge patch (RFC 7396) to it, or sets its
-- expiry. The further readings of a file have its name and its metadata.
-- $1 user_id        uuid              the tenant
-- $2 document_id    uuid
-- $3 filename       text null         null: unchanged
-- $4 metadata       jsonb null        null: unchanged
-- $5 merge_metadata bool              whether the metadata is a merge patch
-- $6 set_expires_at bool              whether to set expires_at
-- $7 expires_at     timestamptz null  null: never
-- returns: as documents/get
-- index: documents_pkey, documents_readings_idx
with changed as (
    update documents as d
    set
        filename = coalesce($3::text, d.filename),
        metadata = case
            when $4::jsonb is null then d.metadata
            when $5::bool then json_merge_patch(d.metadata, $4::jsonb)
            else $4::jsonb
        end,
        expires_at = case when $6::bool then $7::timestamptz else d.expires_at end,
        updated_at = now()
    where d.user_id = $1::uuid and d.id = $2::uuid and d.file_id is null
    returning
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
),

shown as (
    update documents as d
    set filename = c.filename, metadata = c.metadata
    from changed as c
    where d.user_id = $1::uuid and d.file_id = c.id
)

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
from changed as d;
