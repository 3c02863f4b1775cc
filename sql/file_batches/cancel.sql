-- file_batches/cancel :exec
-- Cancels a batch: those of its files that have not been read yet are not searched in the collection. The
-- documents themselves stay, and are read for other uses. A batch all of whose files have been read is not
-- cancelled.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 batch_id      uuid
-- index: file_batches_pkey, collection_files_batch_idx, documents_pkey, documents_user_status_idx,
--   collection_files_document_idx
with held as materialized (
    select b.id
    from file_batches as b
    where b.user_id = $1::uuid and b.collection_id = $2::uuid and b.id = $3::uuid
    for no key update
),

stopped as (
    update collection_files as f
    set is_cancelled = true, updated_at = now()
    from held as h
    inner join documents as d on d.user_id = $1::uuid
    where
        f.user_id = $1::uuid
        and f.collection_id = $2::uuid
        and f.batch_id = h.id
        and f.document_id = d.id
        and d.status = 'processing'
    returning f.file_id
),

cancelled as (
    update file_batches as b
    set cancelled_at = coalesce(b.cancelled_at, now())
    from held as h
    where
        b.user_id = $1::uuid
        and b.collection_id = $2::uuid
        and b.id = h.id
        and (select count(*) from stopped) > 0
)

select h.id
from held as h;
