-- collection_files/delete_left :exec
-- Deletes the places of files of one user that left their collections long ago, unless they were added again,
-- and notes the time where a file left with its document.
-- $1 user_id        uuid    the tenant
-- $2 collection_ids uuid[]  at most 1000
-- $3 file_ids       uuid[]  in each collection of $2 a file
-- $4 kept_s         float8  seconds for which their places are kept
-- index: collection_files_pkey, collection_files_document_idx, collection_files_batch_idx
with chosen as materialized (
    select
        f.collection_id,
        f.file_id,
        f.left_at
    from collection_files as f
    inner join unnest($2::uuid[], $3::uuid[]) as e (collection_id, file_id)
        on f.collection_id = e.collection_id and f.file_id = e.file_id
    where f.user_id = $1::uuid and f.document_id is null
    order by f.collection_id, f.file_id
    for update of f skip locked
),

noted as (
    update collection_files as f
    set left_at = now()
    from chosen as c
    where
        f.user_id = $1::uuid
        and f.collection_id = c.collection_id
        and f.file_id = c.file_id
        and c.left_at is null
)

delete from collection_files as f
using chosen as c
where
    f.user_id = $1::uuid
    and f.collection_id = c.collection_id
    and f.file_id = c.file_id
    and c.left_at < now() - $4::float8 * interval '1 second';
