-- collections/get :one
-- One collection with the number of its files in each state, which is counted at each call.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 max_count     int   maximum number of files counted
-- returns: id uuid, name text null, description text null, metadata jsonb, chunking jsonb null,
--   expires_after_s int8 null, expires_at timestamptz null, last_active_at timestamptz,
--   created_at timestamptz, updated_at timestamptz, processing_count int8, ready_count int8,
--   error_count int8, cancelled_count int8, file_bytes int8,
--   ready_bytes int8, is_counted bool
-- index: collections_pkey, collection_files_pkey, documents_pkey
select
    c.id,
    c.name,
    c.description,
    c.metadata,
    c.chunking,
    c.expires_after_s,
    c.expires_at,
    c.last_active_at,
    c.created_at,
    c.updated_at,
    n.processing_count,
    n.ready_count,
    n.error_count,
    n.cancelled_count,
    n.file_bytes,
    n.ready_bytes,
    n.is_counted
from collections as c
cross join
    lateral (  -- noqa: ST05
        with e as (
            select
                f.is_cancelled,
                d.status,
                d.file_size
            from collection_files as f
            inner join documents as d on d.user_id = $1::uuid and f.document_id = d.id
            where f.user_id = $1::uuid and f.collection_id = c.id
            order by f.file_id
            limit $3::int
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
            count(*) < $3::int as is_counted
        from e
    ) as n
where c.user_id = $1::uuid and c.id = $2::uuid;
