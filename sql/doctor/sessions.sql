-- doctor/sessions :many
-- The other sessions on this database, for `cabinet doctor`: whose they are, what they do and for how long,
-- and who blocks them. Of what they run only the name of the statement is told, never its text. A login that
-- is no member of pg_read_all_stats sees the state of its own sessions only. Who blocks is asked for those
-- alone that wait for a lock, since the question itself stops the lock table for a moment.
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
