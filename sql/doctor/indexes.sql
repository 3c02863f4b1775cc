-- doctor/indexes :many
-- Every index of Cabinet's schema, for `cabinet doctor`: whether it is valid, its size, the number of scans
-- of the index and of all indexes of its table since the statistics were reset, its definition in parts (so
-- that equal indexes can be compared), and the statements that rebuild and drop it. Reads the catalog and the
-- statistics.
-- $1 max_rows int  1..10000
-- returns: table_name name, index_name name, method name, is_valid bool, is_unique bool, is_constraint bool,
--   is_building bool, size_bytes int8, scans int8, table_scans int8, key_columns text, rest text,
--   rebuild text, remove text
select
    t.relname as table_name,
    c.relname as index_name,
    m.amname as method,
    x.indisvalid and x.indisready as is_valid,
    x.indisunique as is_unique,
    exists(
        select k.oid
        from pg_constraint as k
        where k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x')
    ) as is_constraint,
    exists(
        select p.pid
        from pg_stat_progress_create_index as p
        where p.index_relid = x.indexrelid
    ) as is_building,
    pg_relation_size(x.indexrelid) as size_bytes,
    coalesce(s.idx_scan, 0) as scans,
    coalesce(sum(s.idx_scan) over (partition by x.indrelid), 0)::bigint as table_scans,
    array_to_string((x.indkey::int2[])[0:x.indnkeyatts - 1], ' ') as key_columns,
    concat_ws(
        ' | ',
        m.amname,
        array_to_string((x.indkey::int2[])[x.indnkeyatts:], ' '),
        x.indclass::text,
        x.indcollation::text,
        x.indoption::text,
        pg_get_expr(x.indexprs, x.indrelid),
        pg_get_expr(x.indpred, x.indrelid)
    ) as rest,
    format('reindex index concurrently %I;', c.relname) as rebuild,
    format('drop index concurrently %I;', c.relname) as remove
from pg_index as x
inner join pg_class as c on x.indexrelid = c.oid
inner join pg_class as t on x.indrelid = t.oid
inner join pg_am as m on c.relam = m.oid
left join pg_stat_user_indexes as s on x.indexrelid = s.indexrelid
where
    t.relnamespace = (
        select u.relnamespace
        from pg_class as u
        where u.oid = to_regclass('users')
    )
    and t.relname <> 'schema_migrations'
order by t.relname, c.relname
limit $1::int;
