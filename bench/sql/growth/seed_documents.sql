insert into seed.documents (id, user_id, filename, file_type, file_size, status, metadata, created_at)
select
    d.id,
    d.user_id,
    d.filename,
    d.file_type,
    d.file_size,
    d.status,
    d.metadata::json as metadata,
    d.created_at at time zone 'UTC' as created_at
from documents as d
where d.user_id = any($1::uuid[]);
