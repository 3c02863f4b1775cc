-- server/migrating_session :one
-- The session that is migrating this database: it holds the lock of server/lock_migrations, whose number
-- appears here in two halves.
-- returns: pid int, application text null, seconds float8 null
select
    l.pid,
    a.application_name as application,
    extract(epoch from clock_timestamp() - a.backend_start)::float8 as seconds
from pg_locks as l
inner join pg_database as d on l.database = d.oid
left join pg_stat_activity as a on l.pid = a.pid
where
    d.datname = current_database()
    and l.locktype = 'advisory'
    and l.classid = 112
    and l.objid = 1072998963
    and l.granted;
