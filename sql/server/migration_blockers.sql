-- server/migration_blockers :many
-- The sessions whose locks block a migrating session, oldest transaction first: the last statement, if it is
-- one of Cabinet's, and the age of the transaction in seconds.
-- $1 pid      int  the session that waits
-- $2 max_rows int  1..10
-- returns: pid int, application text, state text, statement text null, seconds float8 null
select
    a.pid,
    a.application_name as application,
    coalesce(a.state, 'unknown') as state,
    substring(a.query from '^-- ([a-z0-9_]+/[a-z0-9_.]+)') as statement,
    extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds
from pg_stat_activity as a
where a.pid = any(pg_blocking_pids($1::int))
order by a.xact_start, a.pid
limit $2::int;
