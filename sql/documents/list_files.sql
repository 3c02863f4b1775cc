-- documents/list_files :many
-- A user's documents as files, in the order of their upload, all of them or those with a given purpose.
-- $1 user_id    uuid       the tenant
-- $2 purpose    text null  null: all
-- $3 descending bool       from the newest
-- $4 after      uuid null  those that follow this id in the order; null: from the beginning
-- $5 before     uuid null  those that precede this id in the order; null: to the end
-- $6 max_rows   int        1..10001
-- returns: as documents/get
-- index: documents_pkey, documents_user_filename_idx
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
    and d.file_id is null
    and ($2::text is null or d.purpose = $2::text)
    and ($4::uuid is null or case when $3::bool then d.id < $4::uuid else d.id > $4::uuid end)
    and ($5::uuid is null or case when $3::bool then d.id > $5::uuid else d.id < $5::uuid end)
order by
    case when $3::bool then d.id end desc,
    case when not $3::bool then d.id end asc
limit $6::int;
