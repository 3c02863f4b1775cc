-- documents/list_by_status :many
-- A user's documents in one status, newest first.
-- $1 user_id  uuid       the tenant
-- $2 status   text       processing | ready | error
-- $3 after    uuid null  the last id of the previous page; null: from the newest
-- $4 max_rows int        1..101
-- returns: as documents/get
-- index: documents_user_status_idx, documents_pkey
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
    and d.status = $2::text
    and d.file_id is null
    and ($3::uuid is null or d.id < $3::uuid)
order by d.id desc
limit $4::int;
