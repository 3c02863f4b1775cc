-- documents/create :one
-- An upload: the document, its bytes, its job in the queue and the notice to the workers, together or not at
-- all.
-- $1 user_id   uuid   the tenant
-- $2 filename  text
-- $3 file_type text   text | markdown | html | pdf | csv | docx
-- $4 metadata  jsonb
-- $5 content   bytea  the bytes as they came
-- returns: id uuid, filename text, file_type text, file_size int8, status text, error text, attempt int,
--   lease_expires_at timestamptz, progress real, chunk_count int, metadata jsonb, created_at timestamptz,
--   updated_at timestamptz
with created as (
    insert into documents as d (user_id, filename, file_type, file_size, metadata)
    values ($1::uuid, $2::text, $3::text, octet_length($5::bytea), $4::jsonb)
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
        d.updated_at
),

stored as (
    insert into document_contents (user_id, document_id, content)
    select
        $1::uuid as user_id,
        c.id as document_id,
        $5::bytea as content
    from created as c
),

queued as (
    insert into ingestion_jobs (user_id, document_id)
    select
        $1::uuid as user_id,
        c.id as document_id
    from created as c
    returning pg_notify('cabinet_ingestion', '')
)

select
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
    d.updated_at
from created as d
cross join queued;
