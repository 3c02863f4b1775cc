-- doctor/tables :many
-- Every table of Cabinet's schema, for `cabinet doctor`: its current pages and those marked all-visible at
-- the last vacuum; its rows at the last count (-1: never counted), live and dead rows since; the times of the
-- last vacuum and analyze; whether autovacuum is disabled for it; the age of its oldest transaction id. Reads
-- the catalog and the statistics.
-- $1 max_rows int  1..10000
-- returns: table_name name, pages int8, visible_pages int8, counted_rows float8, live_rows int8,
--   dead_rows int8, vacuumed_at timestamptz null, analyzed_at timestamptz null, is_autovacuumed bool,
--   xid_age int8, multixact_age int8, vacuum text, vacuum_freeze text, enable text
select
    t.relname as table_name,
    pg_relation_size(t.oid) / current_setting('block_size')::bigint as pages,
    t.relallvisible::bigint as visible_pages,
    t.reltuples::float8 as counted_rows,
    coalesce(nullif(s.n_live_tup, 0), greatest(t.reltuples, 0)::bigint) as live_rows,
    coalesce(s.n_dead_tup, 0) as dead_rows,
    greatest(s.last_vacuum, s.last_autovacuum) as vacuumed_at,
    greatest(s.last_analyze, s.last_autoanalyze) as analyzed_at,
    not coalesce(
        'autovacuum_enabled=false' = any(t.reloptions) or 'autovacuum_enabled=off' = any(t.reloptions), false
    ) as is_autovacuumed,
    age(t.relfrozenxid)::bigint as xid_age,
    mxid_age(t.relminmxid)::bigint as multixact_age,
    format('vacuum (analyze) %I;', t.relname) as vacuum,
    format('vacuum (freeze, verbose) %I;', t.relname) as vacuum_freeze,
    format('alter table %I reset (autovacuum_enabled);', t.relname) as enable
from pg_class as t
left join pg_stat_user_tables as s on t.oid = s.relid
where
    t.relkind = 'r'
    and t.relnamespace = (
        select u.relnamespace
        from pg_class as u
        where u.oid = to_regclass('users')
    )
    and t.relname <> 'schema_migrations'
order by t.relname
limit $1::int;
