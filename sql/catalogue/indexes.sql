-- catalogue/indexes :many
-- The indexes of the schema's tables with their sizes and number of scans, for `cabinet sql report`.
-- $1 max_rows int  1..10000
-- returns: table_name text, name text, definition text, bytes int8, scans int8, is_unique bool, is_valid bool
select
    c.relname::text as table_name,
    i.relname::text as name,
    pg_get_indexdef(x.indexrelid) as definition,
    pg_relation_size(x.indexrelid) as bytes,
    coalesce(s.idx_scan, 0) as scans,
    x.indisunique as is_unique,
    x.indisvalid as is_valid
from pg_index as x
inner join pg_class as c on x.indrelid = c.oid
inner join pg_class as i on x.indexrelid = i.oid
left join pg_stat_user_indexes as s on x.indexrelid = s.indexrelid
where
    c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
    and c.relname <> 'schema_migrations'
order by c.relname, i.relname
limit $1::int;
