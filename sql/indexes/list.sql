-- indexes/list :many
-- What `cabinet index plan` decides on: the tenants that are large enough for an index of their own, and
-- every such index there is, also those whose tenant is gone.
-- $1 min_rows int  vectors from which a tenant gets an index
-- $2 max_rows int  1..10000
-- tenant: none, an administrator's look at the sizes of all tenants; it reads no content
-- returns: user_id uuid, row_count int8, has_index bool, index_name name, is_valid bool, size_bytes int8
select
    v.user_id,
    v.row_count,
    coalesce(v.has_index, false) as has_index,
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
full join vector_counts as v
    on i.index_name::text = 'chunk_vectors_hnsw_' || replace(v.user_id::text, '-', '')
where v.row_count >= $1::int or v.has_index or i.indexrelid is not null
order by v.row_count desc nulls last, v.user_id asc
limit $2::int;
