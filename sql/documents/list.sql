-- documents/list :many
-- A user's documents, newest first.
-- $1 user_id  uuid       the tenant
-- $2 after    uuid null  the last id of the previous page; null: from the newest
-- $3 max_rows int        1..101
-- returns: as documents/get
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
where d.user_id = $1::uuid and d.file_id is null and ($2::uuid is null or d.id < $2::uuid)
order by d.id desc
limit $3::int;
