-- file_batches/cancel :exec
-- Cancels a batch: those of its files that have not been read yet are not searched in the collection. A file
-- that is read only for collections is then only stored again, if its reading has not begun and no other
-- collection has it; the attempt rises, so that no worker changes it. All other documents are read for
-- their other uses. A batch all of whose files have been read is not cancelled. The collection and the
-- documents are locked first, as in collection_files/add.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 batch_id      uuid
-- index: collections_pkey, file_batches_pkey, collection_files_batch_idx, documents_pkey,
--   ingestion_jobs_pkey, collection_files_document_idx, documents_user_status_idx
-- length: the files, their documents and the jobs of those that are not read now change together
with owned as materialized (
    select c.id
    from collections as c
    where c.user_id = $1::uuid and c.id = $2::uuid
    for no key update
),

held as materialized (
    select b.id
    from file_batches as b
    inner join owned as o on b.collection_id = o.id
    where b.user_id = $1::uuid and b.collection_id = $2::uuid and b.id = $3::uuid
    for no key update of b
),

waiting as materialized (
    select
        d.id,
        f.file_id,
        (d.purpose is not null or d.file_id is not null)
        and d.chunk_count = 0
        and not d.has_new_content as is_for_collections
    from held as h
    inner join collection_files as f on h.id = f.batch_id
    inner join documents as d on f.document_id = d.id
    where
        f.user_id = $1::uuid
        and f.collection_id = $2::uuid
        and d.user_id = $1::uuid
        and d.status = 'processing'
    order by d.id
    for no key update of d
),

stopped as (
    update collection_files as f
    set is_cancelled = true, updated_at = now()
    from waiting as w
    where
        f.user_id = $1::uuid
        and f.collection_id = $2::uuid
        and f.batch_id = $3::uuid
        and f.file_id = w.file_id
        and f.document_id = w.id
    returning f.file_id
),

unqueued as (
    delete from ingestion_jobs as j
    using waiting as w
    where
        j.user_id = $1::uuid
        and j.document_id = w.id
        and j.worker is null
        and w.is_for_collections
        and not exists (
            select 1
            from collection_files as o
            where
                o.user_id = $1::uuid
                and o.document_id = w.id
                and o.collection_id <> $2::uuid
                and not o.is_cancelled
        )
    returning j.document_id, j.attempt
),

stored as (
    update documents as d
    set
        status = 'stored',
        error = null,
        progress = 0,
        attempt = greatest(d.attempt, u.attempt) + 1,
        updated_at = now()
    from unqueued as u
    where d.user_id = $1::uuid and d.id = u.document_id
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
