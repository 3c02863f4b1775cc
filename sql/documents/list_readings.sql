-- documents/list_readings :many
-- Those of some documents that a collection has with a further reading, with the state of that reading: for
-- callers who reach the file through this collection.
-- $1 user_id       uuid    the tenant
-- $2 collection_id uuid
-- $3 document_ids  uuid[]  at most 101
-- $4 max_rows      int     the number of documents
-- returns: as documents/get
-- index: documents_pkey, documents_readings_idx, collection_files_document_idx
select
    d.id,
    d.filename,
    d.file_type,
    d.file_size,
    d.purpose,
    r.status,
    r.error,
    r.attempt,
    r.lease_expires_at,
    r.progress,
    r.chunk_count,
    r.warnings,
    d.metadata,
    d.expires_at,
    d.created_at,
    d.updated_at
from collection_files as f
inner join documents as d on d.user_id = $1::uuid and f.file_id = d.id
inner join documents as r on r.user_id = $1::uuid and f.document_id = r.id
where
    f.user_id = $1::uuid
    and f.collection_id = $2::uuid
    and f.file_id = any($3::uuid[])
    and r.file_id = any($3::uuid[])
order by d.id
limit $4::int;
