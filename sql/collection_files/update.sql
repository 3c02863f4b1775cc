-- collection_files/update :one
-- Replaces the attributes of a file in a collection.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 document_id   uuid
-- $4 attributes    jsonb
-- returns: as collection_files/get
-- index: collection_files_pkey, documents_pkey, collection_files_batch_idx
with changed as (
    update collection_files as f
    set attributes = $4::jsonb, updated_at = now()
    where
        f.user_id = $1::uuid
        and f.collection_id = $2::uuid
        and f.file_id = $3::uuid
        and f.document_id is not null
    returning
        f.file_id,
        f.document_id,
        f.collection_id,
        f.batch_id,
        f.is_cancelled,
        f.attributes,
        f.created_at,
        f.updated_at
)

select
    f.file_id as document_id,
    f.collection_id,
    f.batch_id,
    d.filename,
    d.file_type,
    d.file_size,
    d.chunk_count,
    case when f.is_cancelled then 'cancelled' else d.status end as status,
    d.error,
    d.chunk_sizes,
    f.attributes,
    f.created_at,
    f.updated_at,
    f.document_id as reading_id
from changed as f
inner join documents as d on d.user_id = $1::uuid and f.document_id = d.id;
