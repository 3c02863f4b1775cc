-- catalogue/statement_times :many
-- The server's statistics on the statements of this database, largest total time first, for `cabinet sql
-- list` and `cabinet sql report`. The stored texts lack their constants and, on PostgreSQL 18, their headers.
-- $1 max_rows int  1..10000
-- returns: query text, calls int8, total_ms float8, rows int8
-- needs: pg_stat_statements
select
    s.query,
    s.calls,
    s.total_exec_time as total_ms,
    s.rows
from pg_stat_statements as s
inner join pg_database as d on s.dbid = d.oid
where d.datname = current_database()
order by s.total_exec_time desc
limit $1::int;
