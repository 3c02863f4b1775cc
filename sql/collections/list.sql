-- collections/list :many
-- A user's collections in the order of their creation, with the number of files in each state.
-- $1 user_id    uuid       the tenant
-- $2 descending bool       from the newest
-- $3 after      uuid null  those that follow this id in the order; null: from the beginning
-- $4 before     uuid null  those that precede this id in the order; null: to the end
-- $5 max_count  int        maximum number of files counted in each collection
-- $6 max_rows   int        1..101
-- returns: as collections/get
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
            limit $5::int
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
            count(*) < $5::int as is_counted
        from e
    ) as n
where
    c.user_id = $1::uuid
    and ($3::uuid is null or case when $2::bool then c.id < $3::uuid else c.id > $3::uuid end)
    and ($4::uuid is null or case when $2::bool then c.id > $4::uuid else c.id < $4::uuid end)
order by
    case when $2::bool then c.id end desc,
    case when not $2::bool then c.id end asc
limit $6::int;
