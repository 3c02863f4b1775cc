-- collection_readers/list_collections :many
-- The collections that are shared with a user and have not expired, newest first, with the number of files in
-- each state.
-- $1 reader_id uuid       the user who reads
-- $2 after     uuid null  the last id of the previous page; null: from the newest
-- $3 max_count int        maximum number of files counted in each collection
-- $4 max_rows  int        1..101
-- tenant: none, it shows the collections that several tenants share with one user
-- returns: as collections/get
-- index: collection_readers_reader_idx, collections_pkey, collection_files_pkey, documents_pkey
-- length: the shares, the collections and the counts of their files
with shared as (
    select distinct on (r.collection_id)
        r.user_id,
        r.collection_id
    from collection_readers as r
    where
        is_shared_with($1::uuid, r)
        and ($2::uuid is null or r.collection_id < $2::uuid)
    order by r.collection_id desc, r.id asc
)

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
from shared as s
inner join
    lateral (
        select
            o.user_id,
            o.id,
            o.name,
            o.description,
            o.metadata,
            o.chunking,
            o.expires_after_s,
            o.expires_at,
            o.last_active_at,
            o.created_at,
            o.updated_at
        from collections as o
        where
            s.user_id = o.user_id
            and s.collection_id = o.id
            and has_not_expired(o)
        order by o.id
        limit 1
    ) as c
    on s.collection_id = c.id
cross join
    lateral (  -- noqa: ST05
        with e as (
            select
                f.is_cancelled,
                d.status,
                d.file_size
            from collection_files as f
            inner join documents as d on f.user_id = d.user_id and f.document_id = d.id
            where f.user_id = c.user_id and f.collection_id = c.id
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
order by c.id desc
limit $4::int;
