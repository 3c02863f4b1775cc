-- collection_readers/find_collections :many
-- The owners of the collections that are shared with a user and have not expired, each with the oldest valid
-- share and the size of the owner, which determines the lane of a search.
-- $1 reader_id      uuid    the user who reads
-- $2 collection_ids uuid[]  at most 100
-- $3 max_rows       int     1..100
-- tenant: none, it finds the tenant who shares a collection, and returns none of its contents
-- returns: collection_id uuid, owner_id uuid, share_id uuid, chunk_count int8, has_index bool
-- index: collection_readers_reader_idx, collections_pkey, tenant_totals_pkey
select distinct on (r.collection_id)
    r.collection_id,
    r.user_id as owner_id,
    r.id as share_id,
    coalesce(t.chunk_count, 0) as chunk_count,
    coalesce(t.has_index, false) as has_index
from collection_readers as r
inner join
    lateral (
        select c.id
        from collections as c
        where
            r.user_id = c.user_id
            and r.collection_id = c.id
            and has_not_expired(c)
        order by c.id
        limit 1
    ) as e
    on r.collection_id = e.id
left join tenant_totals as t on r.user_id = t.user_id
where
    is_shared_with($1::uuid, r)
    and r.collection_id = any($2::uuid[])
order by r.collection_id, r.id
limit $3::int;
