-- collection_files/get :one
-- One file of a collection, with the state of its document.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 document_id   uuid
-- returns: document_id uuid, collection_id uuid, batch_id uuid null, filename text, file_type text,
--   file_size int8, chunk_count int, status text, error text null, chunk_sizes jsonb null,
--   attributes jsonb, created_at timestamptz, updated_at timestamptz, reading_id uuid
-- index: collection_files_pkey, documents_pkey, collection_files_batch_idx
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
from collection_files as f
inner join documents as d on d.user_id = $1::uuid and f.document_id = d.id
where f.user_id = $1::uuid and f.collection_id = $2::uuid and f.file_id = $3::uuid;
