-- catalogue/tables :many
-- The tables of the schema with their sizes and scans, for `cabinet sql report`, except the log of
-- migrations. The number of rows is the estimate of the last ANALYZE; it is null for a table that has rows
-- but was never analyzed, or was empty when it was analyzed.
-- $1 max_rows int  1..1000
-- returns: name text, estimated_rows float8 null, heap_bytes int8, toast_bytes int8, index_bytes int8,
--   sequential_scans int8, index_scans int8, dead_rows int8
select
    c.relname::text as name,
    case
        when pg_relation_size(c.oid) = 0 then 0
        when c.reltuples > 0 then c.reltuples::float8
    end as estimated_rows,
    pg_relation_size(c.oid) as heap_bytes,
    case when c.reltoastrelid = 0 then 0 else pg_total_relation_size(c.reltoastrelid) end as toast_bytes,
    pg_indexes_size(c.oid) as index_bytes,
    coalesce(s.seq_scan, 0) as sequential_scans,
    coalesce(s.idx_scan, 0) as index_scans,
    coalesce(s.n_dead_tup, 0) as dead_rows
from pg_class as c
left join pg_stat_user_tables as s on c.oid = s.relid
where
    c.relnamespace = current_schema()::regnamespace
    and c.relkind in ('r', 'p')
    and c.relname <> 'schema_migrations'
order by c.relname
limit $1::int;
