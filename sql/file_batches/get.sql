-- file_batches/get :one
-- One batch of files with the number of its files in each state, which is counted at each call.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 batch_id      uuid
-- $4 max_count     int   maximum number of files counted
-- returns: id uuid, collection_id uuid, created_at timestamptz, cancelled_at timestamptz null,
--   processing_count int8, ready_count int8, error_count int8, cancelled_count int8, file_bytes int8,
--   ready_bytes int8, is_counted bool
-- index: file_batches_pkey, collection_files_batch_idx, documents_pkey, collection_files_pkey
select
    b.id,
    b.collection_id,
    b.created_at,
    b.cancelled_at,
    n.processing_count,
    n.ready_count,
    n.error_count,
    n.cancelled_count,
    n.file_bytes,
    n.ready_bytes,
    n.is_counted
from file_batches as b
cross join
    lateral (  -- noqa: ST05
        with e as (
            select
                f.is_cancelled,
                d.status,
                d.file_size
            from collection_files as f
            inner join documents as d on d.user_id = $1::uuid and f.document_id = d.id
            where f.user_id = $1::uuid and f.collection_id = $2::uuid and f.batch_id = b.id
            order by f.file_id
            limit $4::int
        )

        select
            count(*) filter (where not e.is_cancelled and e.status = 'processing') as processing_count,
            count(*) filter (where not e.is_cancelled and e.status = 'ready') as ready_count,
            count(*) filter (where not e.is_cancelled and e.status = 'error') as error_count,
            count(*) filter (where e.is_cancelled) as cancelled_count,
            coalesce(sum(e.file_size), 0)::int8 as file_bytes,
            coalesce(
                sum(e.file_size) filter (where not e.is_cancelled and e.status = 'ready'), 0
            )::int8 as ready_bytes,
            count(*) < $4::int as is_counted
        from e
    ) as n
where b.user_id = $1::uuid and b.collection_id = $2::uuid and b.id = $3::uuid;
