-- file_batches/cancel :exec
-- Cancels a batch: those of its files that have not been read yet are not searched in the collection. The
-- documents themselves stay, and are read for other uses.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 batch_id      uuid
-- index: file_batches_pkey, collection_files_batch_idx, documents_pkey, documents_user_status_idx,
--   collection_files_document_idx
with cancelled as (
    update file_batches as b
    set cancelled_at = coalesce(b.cancelled_at, now())
    where b.user_id = $1::uuid and b.collection_id = $2::uuid and b.id = $3::uuid
    returning b.id
),

stopped as (
    update collection_files as f
    set is_cancelled = true, updated_at = now()
    from cancelled as n
    inner join documents as d on d.user_id = $1::uuid
    where
        f.user_id = $1::uuid
        and f.collection_id = $2::uuid
        and f.batch_id = n.id
        and f.document_id = d.id
        and d.status = 'processing'
)

select n.id
from cancelled as n;
