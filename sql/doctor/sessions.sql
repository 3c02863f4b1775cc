-- doctor/sessions :many
-- The other sessions of this database, for `cabinet doctor`: their role, state and duration, and the sessions
-- that block them. Shows the name of the statement that a session runs, never its text. A role that is not a
-- member of pg_read_all_stats sees the state of its own sessions only. Blockers are looked up only for
-- sessions that wait for a lock, because pg_blocking_pids briefly locks the lock table.
-- $1 max_rows int  1..1000
-- returns: pid int, application_name text, user_name name, is_superuser bool, is_owner bool null,
--   state text null, statement text null, state_s float8 null, transaction_s float8 null, blocked_by int[],
--   cancel text, terminate text
select
    a.pid,
    a.application_name,
    a.usename as user_name,
    r.rolsuper as is_superuser,
    pg_has_role(a.usesysid, t.relowner, 'MEMBER') as is_owner,
    a.state,
    substring(a.query from '^-- ([a-z0-9_]+/[a-z0-9_]+) :[a-z]+') as statement,
    extract(epoch from clock_timestamp() - a.state_change)::float8 as state_s,
    extract(epoch from clock_timestamp() - a.xact_start)::float8 as transaction_s,
    case when a.wait_event_type = 'Lock' then pg_blocking_pids(a.pid) else '{}' end as blocked_by,
    format('select pg_cancel_backend(%s);', a.pid) as cancel,
    format('select pg_terminate_backend(%s);', a.pid) as terminate
from pg_stat_activity as a
inner join pg_roles as r on a.usesysid = r.oid
left join pg_class as t on t.oid = to_regclass('users')
where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
order by a.pid
limit $1::int;
