-- indexes/list :many
-- Input of `cabinet index plan`: the tenants that are large enough for an index of their own, and all such
-- indexes, including those of deleted tenants.
-- $1 min_rows int  vectors from which a tenant gets an index
-- $2 max_rows int  1..10000
-- tenant: none, the administrator examines the sizes of all tenants; it reads no contents
-- returns: user_id uuid null, chunk_count int8 null, has_index bool, index_name name null, is_valid bool,
--   size_bytes int8
select
    t.user_id,
    t.chunk_count,
    coalesce(t.has_index, false) as has_index,
    i.index_name,
    coalesce(i.indisvalid, false) as is_valid,
    coalesce(pg_relation_size(i.indexrelid), 0) as size_bytes
from (
    select
        x.indexrelid,
        x.indisvalid,
        c.relname as index_name
    from pg_index as x
    inner join pg_class as c on x.indexrelid = c.oid
    where x.indrelid = to_regclass('chunk_vectors') and c.relname like 'chunk\_vectors\_hnsw\_%'
) as i
full join tenant_totals as t
    on i.index_name::text = 'chunk_vectors_hnsw_' || replace(t.user_id::text, '-', '')
where t.chunk_count >= $1::int or t.has_index or i.indexrelid is not null
order by t.chunk_count desc nulls last, t.user_id asc
limit $2::int;
